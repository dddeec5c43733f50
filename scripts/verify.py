"""Decode every store of the results and remove the damaged ones, so that the next run makes them again."""

import shutil
from pathlib import Path

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
        reason = store.damage(path)
        log.info("%d of %d: %s: %s", number, len(stores), path, reason or "good")
        if reason:
            bad.append(f"{path}: {reason}")
            shutil.rmtree(path)
    if bad:
        raise GcovError("removed, so that the next run makes them again:\n  " + "\n  ".join(bad))


if __name__ == "__main__":
    with job_log(snakemake.log[0], "verify"):
        verify(results=Path(snakemake.log[0]).parents[1] / "results")  # beside logs/, also as a module with a prefix
