"""Check that granules are on one lattice, before their samples are read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from gcov.archive.sources import open_bytes
from gcov.errors import GcovError
from gcov.granule.product import open_band
from gcov.granules import NOT_COMPARED, Granule, kept_names, read_record
from gcov.inputs.settings import Archive
from gcov.stores import origin, store
from gcov.stores.grid import aoi_window, lattice_difference, phase_difference, window_grid
from gcov.stores.mosaic import cannot_stack
from gcov.stores.provenance import metadata_of


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
            raise cannot_stack(firsts[0], granule, difference)


def compare_if_the_search_could_not(
    records: Path, bbox: tuple[float, float, float, float], frequency: str, archive: Archive
) -> None:
    """Make up for the check of frames that a search without a token had to leave out, once for all granules.

    Raises GcovError as `check_one_lattice` does.
    """
    note = records / NOT_COMPARED
    if note.exists():
        kept = [read_record(records / f"{name}.json") for name in kept_names(records)]
        check_one_lattice(sorted(kept), bbox, frequency, archive)
        note.unlink(missing_ok=True)


def check_with_fragments(
    granule: Granule, grid: xr.Dataset, area: Mapping[str, Any], records: Path, fragments: Path
) -> None:
    """Raises GcovError if the CRS, posting or pixel phase of a granule's grid differ from those of a fragment on disk.

    One fragment is enough, of a granule that is kept and, as its attributes and files tell, of the same `area` (AOI
    and frequency) and of the granule as it is now. Where there is none, the stack will tell.
    """
    for name in kept_names(records):
        if name == granule.name:
            continue
        path, other = fragments / f"{name}.zarr", read_record(records / f"{name}.json")
        try:
            attributes = metadata_of(path)["attributes"]
            current = other.path is None or origin.is_noted(attributes[origin.NOTE], other.path)
            if not current or any(attributes[key] != value for key, value in area.items()):
                continue
            difference = phase_difference(store.open_store(path), grid)
        except (OSError, ValueError, KeyError, GcovError):  # absent, being written or damaged
            continue
        if difference:
            raise cannot_stack(other, granule, difference)
        return
