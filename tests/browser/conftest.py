"""A real browser, offline, and the pages that it opens."""

import re
import shutil

import pytest
from helpers import BBOX
from PIL import Image

from browser.chromium import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium; a test fails if it is not installed."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    assert not missing, f"no {' and no '.join(missing)}: apt install chromium chromium-driver"
    one = Browser(tmp_path_factory.mktemp("downloads"))
    yield one
    one.driver.quit()


@pytest.fixture(scope="module")
def results(module_analysis, granules):
    """The folder results/ of an AOI on the small granules, with its pages."""
    config = {"aois": {"valley": {"bbox": BBOX, "granules": [f"{granules[0].parent}/*.h5"]}}, "terms": ["HHHH", "HVHV"]}
    pages = ["results/valley/explore.html", "results/index.html"]
    config |= {"change_history": True, "looks": 8, "multilook": 2, "min_patch_ha": 0, "stretch": {"HVHV": [-31, -4.5]}}
    module_analysis.configure({**config, "basemap": None, "explore_megabytes": 24}).run(*pages)
    folder = module_analysis.folder / "results"
    for name in re.findall(
        r'<img loading="lazy" alt="" src="([^"]+)"', (folder / "valley" / "explore.html").read_text()
    ):
        (folder / "valley" / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20)).save(folder / "valley" / name)  # stands in for a figure, to save time
    return folder
