"""Reading an AOI's window of one granule as the workflow does."""

from gcov.archive.sources import open_bytes
from gcov.granule import product
from gcov.granules import from_url
from gcov.identification import granule_of_file
from gcov.inputs.settings import Archive
from gcov.stores.grid import aoi_window

DEFAULTS = {  # of the section `archive`, as far as reading is concerned
    "access": "auto",
    "cmr_host": "",
    "credentials_url": "",
    "s3_endpoint": None,
    "fetch_on_submit_host": False,
    "buckets": {},
}


def ours(url: str, arrays: list[str], bbox: list[float], archive: dict, noise: bool = False) -> None:
    """Open, find, fetch and decode as clip does, into memory; an earlier checkout's suite is asked for this by name.

    With `noise`, the noise floor of the terms among the arrays is read as well; it must be there.
    """
    granule = from_url(url) if "://" in url else granule_of_file(url)
    source = open_bytes(granule, Archive.of({"aois": {}, "archive": DEFAULTS | archive}))
    terms = [name for name in arrays if noise and name != "mask"]
    with product.open_band(source, granule.label, "A", terms) as band:
        if noise:
            tables, reason = band.noise(terms)
            assert list(tables) == terms, reason
        dict(band.read(arrays, aoi_window(band.data, bbox, granule.label)))


def chunks(path: str, arrays: list[str], bbox: list[float]) -> list[tuple[int, int]]:
    """Where in a local file the chunks lie that the window touches."""
    with product.open_band(path, path, "A") as band:
        window = aoi_window(band.data, bbox, path)
        return [span for name in arrays for span in band.chunk_ranges(name, window)]
