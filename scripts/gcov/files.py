"""Writing files and folders so that nothing half-written ever counts as done."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gcov.errors import GcovError


@contextmanager
def building(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write a file or folder to; it takes the place of `path` once the block has ended well.

    On an exception nothing of it stays. What killed jobs have left is removed, and of two jobs that write one path
    (one may have outlived its snakemake) only the later can finish: its name ends in letters of its own.
    """
    path = Path(path)
    for left in path.parent.glob(f"{path.name}.part*"):
        _remove(left)
    part = path.with_name(f"{path.name}.part{secrets.token_hex(3)}")
    try:
        yield part
        if not part.exists():
            raise GcovError(f"{path} is being written by another process as well: run again")
    except BaseException:
        _remove(part)
        raise
    _remove(path)
    part.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
