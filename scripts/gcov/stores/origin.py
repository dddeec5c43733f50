"""The local file that a fragment was read from, and whether it has been replaced since: by size and time stamp."""

import os
from pathlib import Path

from gcov.errors import GcovError
from gcov.stores.provenance import metadata_of

NOTE = "granule_record_file"  # attribute of a fragment, beside granule_record


def note_of(file: str) -> list[int]:
    """The size of a file in bytes, and the time of its last change in ns since 1970."""
    found = os.stat(file)
    return [found.st_size, found.st_mtime_ns]


def is_noted(note: list[int], file: str) -> bool:
    """Whether a file has the size and time of a note.

    Copying may cut times to microseconds or seconds, so the coarser of the two decides.
    """
    (size, time), (noted_size, noted_time) = note_of(file), note
    unit = next(unit for unit in (10**9, 10**3, 1) if 0 in (time % unit, noted_time % unit))
    return size == noted_size and time // unit == noted_time // unit


def is_replaced(fragment: Path, file: str) -> bool:
    """Whether the local file of a fragment is another one than was read.

    False where there is no telling: no fragment, a damaged one, one without a note, no file.
    """
    try:
        return not is_noted(metadata_of(fragment)["attributes"][NOTE], file)
    except (OSError, ValueError, KeyError, GcovError):
        return False
