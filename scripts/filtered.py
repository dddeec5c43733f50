"""The stack with most of its speckle filtered out. For display only: no other rule reads it."""

from gcov.log import job_log, log

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from gcov.analysis import multitemporal
from gcov.analysis.looks import entries_of, is_known
from gcov.analysis.speckle import n_effective
from gcov.files import building, read_json
from gcov.granules import is_diagonal
from gcov.stores import store
from gcov.stores.stack import Stack, open_with

ROWS = 2048  # filtered at once: a dozen arrays of 4096 columns are in memory


def filtered(*, stack: Stack, looks: Path, window: int, output: Path) -> None:
    """Write the diagonal terms filtered by Quegan and Yu's method: (time, y, x) linear power, NaN as in the stack.

    `window` is an odd number of samples. The attributes gain_predicted_{term} and gain_measured_{term} give the factor
    by which the number of looks grows: predicted by a formula, and measured on the most homogeneous blocks, where
    texture lowers it. They are null if unknown.
    """
    data = stack.data
    types = {name: "f4" for name in store.variables_of(data) if is_diagonal(name)}
    attributes = {**stack.attributes, "filter_window": window}
    with building(output) as part:
        dates = store.dates_of(data)
        store.create(part, grid=data, dates=dates, types=types, attributes=attributes, shard=(ROWS, store.SHARD))
        gains = {}
        for term in types:
            measured = []
            for region in store.regions(data.isel(time=0), rows=ROWS, columns=store.SHARD):
                for date, image, gain in images(stack, term, region, window):
                    store.write(part, {**region, "time": slice(date, date + 1)}, {term: image[None]})
                    measured.append(gain)
                    del image  # before the next one is made
            known = np.array(measured)[np.isfinite(measured)]
            gains[f"gain_predicted_{term}"] = predicted_gain(data, term, looks, window)
            gains[f"gain_measured_{term}"] = float(np.median(known)) if known.size else None
        store.finish(part, **gains)
    log.info("%s", gains)


def images(stack: Stack, term: str, region: dict[str, slice], window: int) -> Iterator[tuple[int, np.ndarray, float]]:
    """Yield, for each date: its index, the filtered image (y, x) of a region, and the gain in looks.

    The image is linear power. The gain is the median over homogeneous blocks, NaN if there is none. This takes two
    passes over the dates; each also reads `window` // 2 samples around the region.
    """
    rim, sizes = window // 2, stack.data.sizes
    wide = {dim: slice(max(region[dim].start - rim, 0), min(region[dim].stop + rim, sizes[dim])) for dim in ("y", "x")}
    inner = tuple(slice(region[dim].start - wide[dim].start, region[dim].stop - wide[dim].start) for dim in wide)

    def samples(date: int) -> tuple[np.ndarray, np.ndarray]:
        power = stack.power(term, {"time": slice(date, date + 1), **wide})[0]
        return power[inner], multitemporal.local_mean(power, window)[inner]

    shape = tuple(part.stop - part.start for part in inner)
    brightness = multitemporal.Brightness(shape)
    for date in range(sizes["time"]):
        brightness.add(*samples(date))
    even = multitemporal.most_homogeneous(brightness.mean)
    ratio = brightness.ratio
    del brightness
    for date in range(sizes["time"]):
        power, image = samples(date)
        image *= ratio
        looks = [multitemporal.looks_of_blocks(each)[even] for each in (power, image)]
        grown = (looks[1] / looks[0])[np.isfinite(looks[0])]
        del power
        yield date, image, float(np.median(grown)) if grown.size else np.nan
        del image
        log.info("%s: date %d of %d", term, date + 1, sizes["time"])


def predicted_gain(data: xr.Dataset, term: str, looks: Path, window: int) -> float | None:
    """The factor by which `multitemporal.predicted_gain` expects looks to grow; None if the correlation is unknown."""
    codes = [code for code in store.codes_of(data, term) if code is not None]
    entries = entries_of(read_json(looks), term, codes)
    if not all(is_known(entry["rho"]) for entry in entries.values()):
        return None
    worth = np.mean([float(n_effective((window, window), entries[code]["rho"])) for code in codes])
    return float(multitemporal.predicted_gain(len(codes), worth))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        filtered(**open_with(snakemake.input, snakemake.params), output=Path(snakemake.output[0]))
