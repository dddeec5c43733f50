"""Decode every store in the results and rename damaged ones, so that the next run rebuilds them."""

from gcov.log import ON_TERMINAL, job_log, log

import shutil
from pathlib import Path

from gcov.errors import GcovError
from gcov.stores import store


def verify(*, results: Path) -> None:
    """Read every chunk of every store below `results`; rename damaged stores to `.damaged`.

    A store counts as damaged if a shard is missing, a chunk fails its CRC32C or cannot be decoded, or its metadata
    cannot be read. On a machine fault (I/O error, missing permission, out of memory) the store is left untouched.
    Raises GcovError listing the damaged and the unreadable stores.
    """
    stores = sorted(results.glob("*/**/*.zarr"))
    damaged, unread = [], []
    for number, path in enumerate(stores, start=1):
        try:
            reason = store.damage(path)
        except (OSError, MemoryError) as error:
            unread.append(f"{path}: {type(error).__name__}: {error}")
            continue
        log.info("%d of %d: %s: %s", number, len(stores), path, reason or "good", extra=ON_TERMINAL)
        if reason:
            aside = path.with_name(f"{path.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            damaged.append(f"{aside}: {reason}")
    messages = []
    if damaged:
        messages.append("renamed, so that the next run makes them again:\n  " + "\n  ".join(damaged))
    if unread:
        messages.append("could not be read, and were not touched:\n  " + "\n  ".join(unread))
    if messages:
        raise GcovError("\n".join(messages))


if __name__ == "__main__":
    with job_log(snakemake.log[0], "verify"):
        verify(results=Path(snakemake.log[0]).parents[1] / "results")  # beside logs/, also as a module with a prefix
