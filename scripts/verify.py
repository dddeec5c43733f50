"""Decode every store of the results and remove the damaged ones, so that the next run makes them again."""

import shutil
from pathlib import Path

import zarr

from gcov import store
from gcov.errors import GcovError
from gcov.log import job_log, log


def verify(*, results: Path) -> None:
    """Read every chunk of every store below `results`; raises GcovError naming what was bad and has been removed.

    Bad is a shard that is not there, a chunk whose crc32c is wrong or that cannot be decoded, metadata that cannot
    be read.
    """
    stores = sorted(results.glob("*/**/*.zarr"))
    bad = []
    for number, path in enumerate(stores, start=1):
        reason = damage(path)
        log.info("%d of %d: %s: %s", number, len(stores), path, reason or "good")
        if reason:
            bad.append(f"{path}: {reason}")
            shutil.rmtree(path)
    if bad:
        raise GcovError("removed, so that the next run makes them again:\n  " + "\n  ".join(bad))


def damage(path: Path) -> str | None:
    """What is wrong with a store; None if every shard is there and every chunk decodes."""
    try:
        group = zarr.open_group(path, mode="r")
        for name, array in group.arrays():
            if missing := missing_shards(path / name, array):
                return f"{name} lacks {', '.join(missing)}"
            if array.ndim < 3:
                array[...]
                continue
            for index in range(array.shape[0]):
                for rows, cols in store.blocks(array.shape[1:]):
                    array[index, rows, cols]
    except Exception as error:  # whatever a codec or parser makes of damaged bytes
        return f"{type(error).__name__}: {error}"
    return None


def missing_shards(folder: Path, array: zarr.Array) -> list[str]:
    """The shard files that should be there and are not: every one is written, also where all is NaN."""
    grid = array.metadata.chunk_grid.all_chunk_coords(array.shape)
    keys = ("/".join(["c", *map(str, coordinates)]) for coordinates in grid)
    return [key for key in keys if not (folder / key).is_file()]


if __name__ == "__main__":
    with job_log(snakemake.log[0], "verify"):
        verify(results=Path(snakemake.log[0]).parents[1] / "results")  # beside logs/, also as a module with a prefix
