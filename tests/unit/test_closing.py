"""The last lines of a run."""

import pytest

from gcov.closing import last_lines
from gcov.granules import Granule, write_records

LINE = "10:00:0{} {} [valley] no noise floor\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run in a folder: two dates, a log with two warnings, one with none, one that is not there."""
    monkeypatch.chdir(tmp_path)
    times = [f"2025-11-{day}T01:00:00" for day in (12, 24)]
    dates = [Granule(name=f"G{n}", start=time, end=time, crid="", maturity="") for n, time in enumerate(times)]
    write_records(tmp_path / "results" / "valley" / "granules", dates)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.log").write_text(LINE.format(1, "WARNING") + LINE.format(2, "INFO") + LINE.format(3, "WARNING"))
    (tmp_path / "logs/b.log").write_text("10:00:01 INFO [valley] what a WARNING says\n")
    return ["logs/a.log", "logs/b.log", "logs/none.log"]


def test_a_run_ends_with_what_it_made_its_warnings_and_the_page(run):
    made = {"valley": ["results/valley/stack.zarr", "results/valley/explore.html"], "": ["results/index.html"]}
    assert list(last_lines(made, run, "./demo")) == [
        "valley: made 2 results; it has 2 dates, 2025-11-12 to 2025-11-24",
        "2 warnings, in demo/logs/a.log",
        "Open demo/results/index.html",
    ]


def test_a_run_that_makes_nothing_says_nothing_and_one_without_the_index_names_the_aois_page(run):
    assert list(last_lines({}, [], "")) == []
    lines = last_lines({"valley": ["results/valley/explore.html"]}, run[1:], "")
    assert list(lines)[1:] == ["Open results/valley/explore.html"]
