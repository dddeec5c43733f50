"""Which files can be read, and atomic writing of files and folders: an incomplete one never counts as a result."""

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gcov.errors import GcovError

DELETE = "delete it, then run again"  # what to do about a damaged file that the workflow wrote
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_file(path: str, label: str) -> None:
    """Raises GcovError if there is no regular file at a path; opening a pipe or a device could wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            raise GcovError(f"{label}: a symbolic link to {os.readlink(path)}: {error.strerror}") from None
        if isinstance(error, FileNotFoundError):
            raise GcovError(f"{label}: there is no such file") from None
        raise GcovError(f"{label}: cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise GcovError(f"{label}: a folder; it should be a file")
    if not stat.S_ISREG(mode):
        raise GcovError(f"{label}: a pipe, a socket or a device; it should be a file")


def read_json(path: Path, remedy: str = DELETE, *, of: Path | None = None) -> Any:
    """The content of a JSON file that the workflow wrote.

    Raises GcovError, with what to do, if the file (a part `of` a store) is damaged: a power cut may leave it empty,
    short or full of zeros.
    """
    content = path.read_bytes()
    try:
        return json.loads(content)
    except ValueError:
        what = f"{of} is damaged: {path.name}" if of else f"{path} is damaged: it"
        raise GcovError(f"{what} is {damage(content)}; {remedy}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically as `building` does."""
    with building(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, indent: int | None = 1) -> None:
    """Write a JSON file, atomically as `building` does."""
    write_text(path, json.dumps(content, indent=indent) + "\n")


def damage(content: bytes) -> str:
    """What a power cut has done to the content of a file."""
    return "cut short" if content.strip(b"\0") else "full of zeros" if content else "empty"


def paths(named: Mapping[str, Any]) -> dict[str, Any]:
    """Named inputs or outputs of a job, as paths and lists of paths; without those that are empty."""
    return {name: Path(of) if isinstance(of, str) else list(map(Path, of)) for name, of in named.items() if of}


@contextmanager
def building(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` for a file or folder, which replaces `path` when the block succeeds.

    On an exception it is removed. Leftovers of killed jobs are removed at the start. If two jobs write the same path
    (one may have outlived its Snakemake), only the later one can finish, because it removes the other's temporary
    path. The content is synced to disk before the rename, so it survives a power failure. The error of a full disk
    names no file, so `path` is added to it. Raises GcovError if another process has removed the temporary path.
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
    """Flush a file, or a folder and everything in it, to disk."""
    for folder, _, names in os.walk(path):
        for name in names:
            _sync_file(Path(folder, name))
        _sync_folder(Path(folder))
    if path.is_file():
        _sync_file(path)


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync folders
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
