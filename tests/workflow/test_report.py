"""`snakemake --report` in the environment that users install: its first page, content and order."""

import base64
import json
import re
from urllib.parse import unquote

import pytest
import zarr
from helpers import BBOX

pytestmark = pytest.mark.long

PICTURES = ["mean_series.png", "histogram_db.png", "histogram_power.png", "animation.gif", "animation_means.gif"]
TARGETS = [
    *(f"results/valley_/{name}" for name in ("explore.html", "location.png", *(f"HHHH/{name}" for name in PICTURES))),
    *(
        f"results/both/{name}"
        for name in ("location.png", "change_history.png", "HHHH/mean_series.png", "HVHV/mean_series.png")
    ),
    "results/both/HVHV/statistics.png",
]
AREAS = {"valley_": ["HHHH"], "both": ["HHHH", "HVHV"]}  # a name that reStructuredText would take for a link
NOTE = "2 dates, 2025-11-23 to 2025-12-05. BETA data (2 dates): not validated"


@pytest.fixture(scope="module")
def reported(module_analysis, newest):
    """A folder with results of two AOIs, after `snakemake --report`."""
    files = [str(path) for path in newest[:2]]
    aois = {name: {"bbox": BBOX, "granules": files, "terms": terms} for name, terms in AREAS.items()}
    aois["both"] |= {"statistics": True, "change_history": True}
    module_analysis.configure({"aois": aois, "basemap": None, "explore_megabytes": 24})
    module_analysis.run(*TARGETS)
    module_analysis.run(*TARGETS, "--report", "report.html")
    return module_analysis.folder


def embedded(page: str, name: str):
    """A JSON value that a report's script sets."""
    return json.JSONDecoder().raw_decode(page, re.search(rf'{name} = (?={{"|")', page).end())[0]


@pytest.fixture(scope="module")
def page(reported) -> str:
    return (reported / "report.html").read_text(encoding="utf-8")


def test_it_opens_on_areas_dates_and_warnings(page):
    words = re.sub(r"<[^>]+>", "", embedded(page, "workflow_desc"))
    assert "gamma0 backscatter" in words and "{{" not in words and "{%" not in words
    assert re.search(rf"valley_\s+{re.escape(NOTE)}", words), words
    assert re.search(rf"both\s+HHHH:\s+{re.escape(NOTE)}.*HVHV:\s+{re.escape(NOTE)}", words, re.DOTALL), words
    assert "problematic" not in page


def test_figures_come_first_and_in_the_order_to_read_them(page):
    results = embedded(page, "results")
    labels = sorted({one["labels"]["figure"] for path, one in results.items() if "/valley_/" in path})
    assert labels == [
        "1 explore", "2 mean series", "7 animation", "7 animation_means",
        "8 histogram, db", "8 histogram, power", "9 location",
        "table: dates", "table: granules", "table: histogram, db", "table: histogram, power", "table: mean series",
        "text: methods",
    ]  # fmt: skip
    assert all(next(iter(one["labels"])) == "figure" for one in results.values())  # what the page sorts by


def test_captions_name_dates_and_warnings(page):
    for path, one in embedded(page, "results").items():
        if not path.endswith((".csv", ".txt")):
            words = re.sub(r"<[^>]+>", "", one["caption"])
            assert words.count(NOTE) == 1 + (one["labels"]["term"] == "-" and "/both/" in path), path


def test_the_caption_of_a_product_gives_its_own_warning(reported, page):
    """In bold, after the warnings of the terms; here the statistics have none."""
    results = embedded(page, "results")
    for name, terms in (("HVHV/statistics", 1), ("change_history", 2)):
        warning = zarr.open_group(reported / f"results/both/{name}.zarr", mode="r").attrs["warning"]
        bold = re.findall(r"<strong>([^<]+)\.</strong>", results[f"results/both/{name}.png"]["caption"])
        assert bold[terms:] == ([warning] if warning else []), name
    assert warning


def test_tables_and_movies_open_from_it(reported, page):
    results = embedded(page, "results")
    names = {path.rpartition("/valley_/")[2] for path in results if "/valley_/" in path}
    assert {"granules.csv", "HHHH/mean_series.csv", "HHHH/animation.gif", "HHHH/animation_means.gif"} <= names
    assert all(one["data_uri"].startswith("data:") for one in results.values())
    movie = results["results/valley_/HHHH/animation.gif"]["data_uri"].partition("base64,")[2]
    path = reported / "results/valley_/HHHH/animation.gif"
    assert base64.b64decode(unquote(movie)) == path.read_bytes()
