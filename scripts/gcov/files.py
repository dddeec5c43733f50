"""Writing files and folders so that nothing half-written ever counts as done."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gcov.errors import GcovError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def building(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write a file or folder to; it takes the place of `path` once the block has ended well.

    On an exception nothing of it stays. What killed jobs have left is removed, and of two jobs that write one path
    (one may have outlived its snakemake) only the later can finish: its name ends in letters of its own. What takes
    the place is on the disk by then, also if the power fails. The error of a full disk, which names no file, gets the
    name of `path`.
    """
    path = Path(path)
    for left in path.parent.glob(f"{path.name}.part*"):
        _remove(left)
    part = path.with_name(f"{path.name}.part{secrets.token_hex(3)}")
    try:
        yield part
        if not part.exists():
            raise GcovError(f"{path} is being written by another process as well: run again")
        _sync(part)
    except BaseException as error:
        _remove(part)
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            error.filename = str(path)
        raise
    _remove(path)
    part.rename(path)
    _sync_folder(path.parent)


def _sync(path: Path) -> None:
    """Have a file, or a folder with all that is in it, written to the disk."""
    for folder, _, names in os.walk(path):
        for name in names:
            _sync_file(Path(folder, name))
        _sync_folder(Path(folder))
    if path.is_file():
        _sync_file(path)


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # some file systems sync no folders
        _sync_file(path)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
