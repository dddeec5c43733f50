"""Check that adjacent frames are on one lattice, before their granules are fetched."""

from collections.abc import Sequence

from gcov.archive.sources import open_bytes
from gcov.granule.product import open_band
from gcov.granules import Granule
from gcov.inputs.settings import Archive
from gcov.stores.grid import aoi_window, lattice_difference, window_grid
from gcov.stores.mosaic import apart


def check_one_lattice(
    granules: Sequence[Granule], bbox: tuple[float, float, float, float], frequency: str, archive: Archive
) -> None:
    """Raises GcovError if the AOI's grid differs between frames, for example because they are in two UTM zones.

    Opens the first granule of each frame and reads its coordinates, but no samples.
    """
    firsts = list({granule.frame: granule for granule in reversed(granules)}.values())
    grids = []
    for granule in firsts:
        with open_band(open_bytes(granule, archive), granule.label, frequency) as band:
            grids.append(window_grid(band.data, aoi_window(band.data, bbox, granule.label)))
    for granule, grid in zip(firsts, grids):
        if difference := lattice_difference(grids[0], grid):
            raise apart(firsts[0], granule, difference)
