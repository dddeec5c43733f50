"""Where a granule's bytes come from."""

from gcov.errors import GcovError
from gcov.granules import Granule


def open_bytes(granule: Granule):
    """What HDF5 opens for a granule: the path of a local file, or a file object that reads by ranges over HTTPS.

    Raises GcovError where the granule has no address.
    """
    if granule.path:
        return granule.path
    if granule.url is None:
        raise GcovError(f"{granule.name} has no https address")
    import fsspec  # local granules need no network

    return fsspec.open(granule.url, "rb").open()
