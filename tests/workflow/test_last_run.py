"""A run names what is new, in its last lines and in index.html; a run that finds nothing new says so."""

import hashlib
import os
import re

import pandas as pd
from helpers import BBOX, REPO


def test_every_product_waits_for_the_search():
    """A product whose rule does not read the checkpoint is made again with every search, and so is what reads it."""
    reading = r"after_search|stack_of|searched|fragments|all_stacks|record|granule_file|days|geotiffs"
    for path in (REPO / "rules").glob("*.smk"):
        for rule, inputs in re.findall(r"^rule (\w+):\n.*?    input:\n(.*?)\n    \w", path.read_text(), re.M | re.S):
            if rule != "verify":  # it makes nothing
                assert re.search(reading, inputs), f"{rule}: its input needs `after_search`"


def test_a_run_says_what_is_new(analysis, newest):
    folder, results = analysis.folder / "granules", analysis.folder / "results"
    folder.mkdir()
    aoi = {"bbox": BBOX, "granules": [f"{folder}/*.h5"], "change_history": True}
    keys = {"terms": ["HVHV"], "looks": 8, "multilook": 2, "min_patch_ha": 0, "basemap": None}
    analysis.configure({"aois": {"one": aoi}, **keys})

    def run(*arguments: str) -> list[str]:
        return analysis.run("results/index.html", *arguments).splitlines()[-7:]

    def content() -> dict[str, tuple[str, int]]:
        files = [path for path in results.rglob("*") if path.is_file()]
        made = {path: hashlib.sha1(path.read_bytes()).hexdigest() for path in files}
        return {
            str(path): (digest, 0 if "granules" in str(path) else path.stat().st_mtime_ns)
            for path, digest in made.items()
        }

    for path in newest[:3]:
        os.link(path, folder / path.name)
    lines = run()
    assert any(line.startswith("one: first run: 3 dates") for line in lines)
    (made,) = [line for line in lines if line.startswith("one: made")]
    paths = set(re.findall(r"results/one/(\S+)", analysis.run("results/index.html", "--summary")))
    assert made.startswith(f"one: made {len(paths)} results; it has 3 dates, 2025-11-23 to 2025-12-17")
    assert f"Open {results / 'index.html'}" in lines and "made" not in analysis.run("--dry-run")
    before = content()
    assert "Nothing new since the last run: one" in run("-R", "search")
    assert content() == before

    known = set(pd.read_csv(results / "one/change_patches.csv")["id"])
    os.link(newest[3], folder / newest[3].name)
    (news,) = [line for line in run("-R", "search") if line.startswith("one: ") and "made" not in line]
    new = [one for one in pd.read_csv(results / "one/change_patches.csv").itertuples() if one.id not in known]
    assert news.startswith(f"one: 1 new date: 2025-12-29; {len(new)} new patch") and len(new) > 1
    for one in new[:5]:
        assert (
            f"{one.id} ({one.area_ha:.1f} ha, {one.start[:10]} to {one.end[:10]}, HVHV {one.step_db_HVHV:+.1f} dB)"
            in news
        )
    assert f"<dt>Since the last run<dd>{news.removeprefix('one: ')}" in (results / "index.html").read_text()
