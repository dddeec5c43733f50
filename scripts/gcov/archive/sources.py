"""The source of a granule's bytes."""

from gcov.archive.ranges import RangeFile
from gcov.granules import Granule
from gcov.inputs.settings import Archive


def open_bytes(granule: Granule, archive: Archive) -> str | RangeFile:
    """The source to open with HDF5: the path of a local file, or a file object that reads byte ranges.

    Raises GcovError if the granule cannot be read.
    """
    if granule.path:
        return granule.path
    from gcov.archive.remote import open_remote  # HTTP, which a local file does not need

    return open_remote(granule, archive)
