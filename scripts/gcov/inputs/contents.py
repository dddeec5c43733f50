"""What the user's own files hold, as a parameter of the rules that read them: a time stamp may be older than theirs."""

import glob
import hashlib
from functools import cache
from pathlib import Path

BESIDE_A_SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@cache
def digest(path: str) -> str:
    """The SHA-256 of a file, or of the files of a Shapefile; empty if there is none."""
    found = hashlib.sha256()
    files = [one for one in _files(Path(path)) if one.is_file()]
    for file in files:
        found.update(f"{file.suffix.lower()} {file.stat().st_size} ".encode() + file.read_bytes())
    return found.hexdigest() if files else ""


def _files(path: Path) -> list[Path]:
    """The file, or every file of a Shapefile, in a fixed order."""
    if path.suffix.lower() != ".shp":
        return [path]
    beside = path.parent.glob(f"{glob.escape(path.stem)}.*")
    return sorted(
        (one for one in beside if one.suffix.lower() in BESIDE_A_SHAPEFILE), key=lambda one: one.suffix.lower()
    )
