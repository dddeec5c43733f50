"""Read an AOI's window of one granule and write it as a fragment on the AOI's grid."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import zarr

from gcov import product, store
from gcov.archive.ranges import RangeFile
from gcov.archive.sources import open_bytes
from gcov.files import building
from gcov.granules import Granule, read_record
from gcov.grid import Window, aoi_window, inside_polygon, window_grid
from gcov.log import job_log, log
from gcov.radiometry import is_valid
from gcov.settings import Archive

AT_ONCE = 200_000_000  # compressed bytes of all arrays fetched together; more of them one array after the other


def clip(
    *,
    granule: Granule,
    aoi: str,
    bbox: tuple[float, float, float, float],
    polygon: str | None,
    frequency: str,
    terms: tuple[str, ...],
    archive: Archive,
    fragment: Path,
) -> None:
    """Write the fragment: (time=1, y, x) terms as in the product (linear power) and `mask`, with provenance.

    The grid is the AOI's own: the window its bounds touch on the granule's lattice; NaN and mask 255 where the
    granule does not reach, and outside of a polygon. A granule without one valid sample there is a result as well.
    Raises GcovError, naming the granule, on a missing band or term and on a file that cannot be read.
    """
    source = open_bytes(granule, archive)
    with product.open_hdf5(source, granule.label) as file:
        group = product.band(file, frequency, granule.label)
        datasets = {name: product.term(group, name, granule.label) for name in (*terms, "mask")}
        whole = product.grid_of(group, granule.label)
        window = aoi_window(whole, bbox, granule.label)
        grid = window_grid(whole, window)
        inside = inside_polygon(grid, polygon) if polygon else None
        n_pixels = math.prod(grid.shape) if inside is None else int(inside.sum())
        attributes = {
            "title": f"{granule.name}: {aoi}",
            "granule_record": json.dumps(asdict(granule)),
            "bounding_polygon": product.bounding_polygon(file, whole),
            "aoi": aoi,
            "aoi_bbox": list(bbox),
            "aoi_polygon": polygon or "",
            "frequency": frequency,
            "n_pixels": n_pixels,
            "n_pixels_on_granule": math.prod(window.within(whole.shape).shape),
            "software": store.software(),
        }
        with building(fragment) as part:
            date = store.Date(granule.start, granule.name, granule.crid, granule.maturity)
            types = {name: dataset.dtype for name, dataset in datasets.items()}
            target = store.create(part, grid=grid, dates=[date], types=types, attributes=attributes)
            n_valid = copy_samples(source, datasets, window, inside, target, granule.label)
            target.attrs["n_valid"] = n_valid
            store.consolidate(part)
    percent = 100 * n_valid / max(n_pixels, 1)
    log.info("%s: %d of %d samples in the AOI valid (%.1f %%)", granule.name, n_valid, n_pixels, percent)
    if isinstance(source, RangeFile):
        log.info("%s: %d requests, %.1f MB", granule.name, len(source.received), sum(source.received) / 1e6)


def copy_samples(
    source: str | RangeFile,
    datasets: dict[str, h5py.Dataset],
    window: Window,
    inside: np.ndarray | None,
    target: zarr.Group,
    label: str,
) -> int:
    """Copy a window of every dataset into a store of one date, a shard at a time; returns the number of valid samples.

    `inside` (ny, nx) is False for the pixels of the window outside of a polygon; None where there is no polygon.
    """
    n_valid = 0
    for rows, cols in store.blocks(window.shape):
        part = window.part(rows, cols)
        spans = {}
        if isinstance(source, RangeFile):
            spans = {name: product.chunk_ranges(dataset, part, label) for name, dataset in datasets.items()}
        together = [span for one in spans.values() for span in one]
        at_once = sum(stop - start for start, stop in together) <= AT_ONCE
        if spans and at_once:
            source.prefetch(together)
        for name, dataset in datasets.items():
            if spans and not at_once:
                source.prefetch(spans[name])
            samples = product.read_window(dataset, part, label)
            if inside is not None:
                samples[~inside[rows, cols]] = target[name].fill_value
            target[name][0, rows, cols] = samples
            if name == "mask":
                n_valid += int(is_valid(samples).sum())
    return n_valid


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        clip(
            **snakemake.params,
            granule=read_record(snakemake.input.record),
            # not a parameter of the rule: another way to the same bytes is no reason to read them again
            archive=Archive.from_section(snakemake.config["archive"]),
            aoi=snakemake.wildcards.aoi,
            fragment=Path(snakemake.output[0]),
        )
