"""Two ways to read an AOI's window of one granule: ours, and the limit."""

from concurrent.futures import ThreadPoolExecutor

import botocore.auth
import botocore.awsrequest
import botocore.credentials  # noqa: F401
import clip
import h5py
import numpy as np
import urllib3

from gcov import product
from gcov.archive.sources import open_bytes
from gcov.granules import Granule, from_url
from gcov.grid import aoi_window

GROUP = product.GRIDS + "/frequencyA"


def ours(url: str, arrays: list[str], bbox: list[float], archive: dict) -> None:
    """Open, find, fetch and decode as clip does, into memory."""
    granule = from_url(url) if "://" in url else Granule(url, path=url)
    source = open_bytes(granule, archive)
    with product.open_hdf5(source, granule.label) as file:
        group = product.band(file, "A", granule.label)
        datasets = {name: group[name] for name in arrays}
        window = aoi_window(product.grid_of(group, granule.label), bbox, granule.label)
        target = {name: np.empty((1, *window.shape), dataset.dtype) for name, dataset in datasets.items()}
        clip.copy_samples(source, datasets, window, None, target, granule.label)


def chunks(path: str, arrays: list[str], bbox: list[float]) -> list[tuple[int, int]]:
    """Where in a local file the chunks lie that the window touches."""
    with h5py.File(path) as file:
        group = file[GROUP]
        window = aoi_window(product.grid_of(group, path), bbox, path)
        return [span for name in arrays for span in product.chunk_ranges(group[name], window, path)]


def limit(url: str, path: str, ranges: list[tuple[int, int]], arrays: list[str], bbox: list[float]) -> None:
    """What no reader can beat: ranges known beforehand fetched at once by 16 threads, then decoded (from `path`).

    Chunks that touch, or nearly, make one range; the rule is its own, so that it does not move with ours.
    """
    joined = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] <= 1 << 16:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    pool = urllib3.PoolManager(maxsize=16)

    def get(span):
        answer = pool.request("GET", url, headers={"Range": f"bytes={span[0]}-{span[1] - 1}"})
        assert answer.status == 206 and len(answer.data) == span[1] - span[0]

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(get, joined))
    ours(path, arrays, bbox, {})
