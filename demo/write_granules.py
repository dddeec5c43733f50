"""Write the demo granules: thirteen months of an invented valley near Pokhara, Nepal.

One date was released twice, and one covers a part of the frame only.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, block_average, centres, granule_name, partial_frame, write_granule

EPSG = 32645  # UTM 45N, the zone of the whole frame
WEST, NORTH = 191_760, 3_132_240  # outer edges in metres, multiples of 240 as in the archive
POSTING, SIZE = 20, 900  # metres, pixels
FIRST = datetime(2025, 11, 11, 23, 47, 39)
REPEAT_DAYS = 12
DATES = 33
CLEARED_ON = 150  # day since the first date
RELEASED_TWICE = 2  # index of the date
PARTIAL = 20  # index of the date
RECALIBRATION = 1.02  # what the second release does to the first one's backscatter
PAGE_SIZE = 64 * 1024  # the archive's 4 MiB pages would make the files several times as large


def write_demo_granules(folder: Path) -> list[Path]:
    """Write the granules into `folder` and return their paths in the order of their dates."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    valley = landscape((SIZE, SIZE), cleared_on=CLEARED_ON)
    x, y = centres(WEST, POSTING, SIZE), centres(NORTH, -POSTING, SIZE)
    paths = []
    for index in range(DATES):
        days = REPEAT_DAYS * index
        terms, mask = valley.scene(days)
        crids = ("X05009", "X05010") if index == RELEASED_TWICE else ("X05009",)
        for crid in crids:
            gain = RECALIBRATION if crid == "X05010" else 1
            band = Band(EPSG, x, y, {term: values * gain for term, values in terms.items()}, mask)
            band = partial_frame(band, 0.4) if index == PARTIAL else band
            coverage = "P" if index == PARTIAL else "F"
            name = granule_name(cycle=5 + index, start=FIRST + timedelta(days=days), crid=crid, coverage=coverage)
            bands = {"A": band, "B": block_average(band, 4)}
            paths.append(write_granule(folder, name, bands, page_size=PAGE_SIZE))
    return paths


if __name__ == "__main__":
    write_demo_granules(Path(sys.argv[1]))
