"""Read an AOI's window of one granule and write it as a fragment on the AOI's grid."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import zarr

from gcov import product, store
from gcov.archive import open_bytes
from gcov.granules import Granule, read_record
from gcov.grid import Window, aoi_window, inside_polygon, window_grid
from gcov.log import job_log, log
from gcov.radiometry import is_valid
from gcov.ranges import RangeFile


def clip(
    *,
    granule: Granule,
    aoi: str,
    bbox: tuple[float, float, float, float],
    polygon: str | None,
    frequency: str,
    terms: tuple[str, ...],
    archive: dict,
    fragment: Path,
) -> None:
    """Write the fragment: (time=1, y, x) terms as in the product (linear power) and `mask`, with provenance.

    The grid is the AOI's own: the window its bounds touch on the granule's lattice; NaN and mask 255 where the
    granule does not reach, and outside of a polygon. A granule without one valid sample there is a result as well.
    Raises GcovError, naming the granule, on a missing band or term and on a file that cannot be read.
    """
    source = open_bytes(granule, archive)
    with product.open_hdf5(source, granule.name) as file:
        group = product.band(file, frequency, granule.name)
        datasets = {name: product.term(group, name, granule.name) for name in (*terms, "mask")}
        whole = product.grid_of(group, granule.name)
        window = aoi_window(whole, bbox)
        grid = window_grid(whole, window)
        inside = inside_polygon(grid, polygon) if polygon else None
        attributes = {
            "title": f"{granule.name}: {aoi}",
            "granule_record": json.dumps(asdict(granule)),
            "bounding_polygon": product.bounding_polygon(file),
            "aoi": aoi,
            "aoi_bbox": list(bbox),
            "aoi_polygon": polygon or "",
            "frequency": frequency,
            "n_pixels": math.prod(grid.shape) if inside is None else int(inside.sum()),
            "n_pixels_on_granule": math.prod(window.within(whole.shape).shape),
            "software": store.software(),
        }
        with store.building(fragment) as part:
            date = store.Date(granule.start, granule.name, granule.crid, granule.maturity)
            types = {name: dataset.dtype for name, dataset in datasets.items()}
            target = store.create(part, grid=grid, dates=[date], types=types, attributes=attributes)
            n_valid = 0
            for block in store.blocks(grid.shape):
                part_window = window.part(*block)
                if isinstance(source, RangeFile):
                    source.prefetch([r for d in datasets.values() for r in product.chunk_ranges(d, part_window)])
                n_valid += copy_block(datasets, target, part_window, block, inside)
            target.attrs["n_valid"] = n_valid
            store.consolidate(part)
    n_pixels = attributes["n_pixels"]
    log.info(
        "%s: %d of %d samples in the AOI valid (%.1f %%)",
        granule.name,
        n_valid,
        n_pixels,
        100 * n_valid / max(n_pixels, 1),
    )


def copy_block(
    datasets: dict[str, h5py.Dataset],
    target: zarr.Group,
    window: Window,
    block: tuple[slice, slice],
    inside: np.ndarray | None,
) -> int:
    """Copy one block (rows and columns of the AOI's grid) of every dataset; returns its number of valid samples."""
    rows, cols = block
    for name, dataset in datasets.items():
        samples = product.read_window(dataset, window)
        if inside is not None:
            samples[~inside[block]] = target[name].fill_value
        target[name][0, rows, cols] = samples
    return int(is_valid(samples).sum())  # the mask is read last


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi}"):
        clip(
            **snakemake.params,
            granule=read_record(snakemake.input.record),
            archive=snakemake.config["archive"],
            aoi=snakemake.wildcards.aoi,
            fragment=Path(snakemake.output[0]),
        )
