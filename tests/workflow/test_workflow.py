"""The whole workflow, run by snakemake on small granules."""

import csv
import json
import re
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
import xarray as xr
from helpers import BBOX, FIRST, REPO, assert_counts, notebook_stack

from gcov.testing.synthetic import granule_name, write_granule

PER_AOI = """dates.csv explore.html geometry.json granules.csv granules.parquet location.geojson location.png
methods.txt stack.zarr stack_db.zarr""".split()  # noqa: SIM905
PER_TERM = """animation.gif animation_means.gif caption.rst histogram_db.csv histogram_db.png histogram_power.csv
histogram_power.png mean_series.csv mean_series.png no_echo.csv speckle.json stretch.json""".split()  # noqa: SIM905
WEST, SOUTH, EAST, NORTH = BBOX
SMALL = [WEST, SOUTH, WEST + 0.004, SOUTH + 0.004]


def jobs(output: str) -> Counter:
    """How many jobs of each rule a run (or a dry run) had, by rule and AOI."""
    found = Counter()
    for line in output.splitlines():
        if header := re.fullmatch(r" *(?:local)?(?:rule|checkpoint) (\w+):", line):
            name = header[1]
        elif wildcards := re.match(r" *wildcards: aoi=([\w-]+)", line):
            found[name, wildcards[1]] += 1
    return found


def rules(output: str) -> Counter:
    return Counter(name for name, _ in jobs(output).elements())


def copied(granules, folder):
    """A separate folder with the granules."""
    folder.mkdir()
    for path in granules:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def config(granules) -> dict:
    """Two AOIs of two dates: `one` with two terms, `two` a small one with a term of its own."""
    files = [str(path) for path in granules[:3]]
    return {
        "aois": {
            "one": {"bbox": BBOX, "granules": files, "terms": ["HHHH", "HVHV"]},
            "two": {"bbox": SMALL, "granules": files, "frequency": "B", "terms": ["HVHV"], "valid_samples_only": False},
        },
        "basemap": None,
        "explore_megabytes": 24,
    }


@pytest.fixture(scope="module")
def complete(module_analysis, config):
    """The analysis folder after `snakemake --cores 2`, and what that printed."""
    return module_analysis, module_analysis.configure(config).run()


@pytest.fixture
def changed(complete, config):
    """A function that dry-runs the complete analysis with a changed configuration; the old one comes back."""
    analysis, _ = complete

    def dry_run(change) -> str:
        other = json.loads(json.dumps(config))
        change(other)
        return analysis.configure(other).run("--dry-run")

    yield dry_run
    analysis.configure(config)


def test_every_result_is_there(complete, newest):
    analysis, _ = complete
    names = [path.stem for path in newest[:2]]
    for aoi, terms in (("one", ("HHHH", "HVHV")), ("two", ("HVHV",))):
        wanted = {*PER_AOI, "granules", "fragments", *terms}
        assert set(analysis.results(f"{aoi}/*")) == {f"{aoi}/{name}" for name in wanted}
        for term in terms:
            assert analysis.results(f"{aoi}/{term}/*") == [f"{aoi}/{term}/{name}" for name in PER_TERM]
        assert analysis.results(f"{aoi}/granules/*.json") == [f"{aoi}/granules/{name}.json" for name in names]
        assert analysis.results(f"{aoi}/fragments/*") == [f"{aoi}/fragments/{name}.zarr" for name in names]
    assert [path for path in analysis.results() if ".part" in path] == []


def test_each_job_ran_once(complete):
    _, output = complete
    wanted = Counter()
    for aoi, terms in (("one", 2), ("two", 1)):
        wanted.update({("search", aoi): 1, ("clip", aoi): 2, ("stack", aoi): 1, ("stack_db", aoi): 1})
        wanted.update({(rule, aoi): 1 for rule in ("dates", "geometry", "granules_parquet", "methods")})
        wanted.update({("explore", aoi): 1, ("location", aoi): 1})
        wanted.update({(rule, aoi): terms for rule in ("summarize", "caption", "plot_series", "animation")})
    assert jobs(output) == wanted


@pytest.mark.parametrize(
    ("key", "value", "remade"),
    [
        ("figure_formats", ["pdf", "svg"], {"plot_series": 3, "location": 2}),
        ("stretch", {"HHHH": [-20, 0]}, {"plot_series": 1, "animation": 1}),
        ("min_valid_fraction", 0.6, {"caption": 3, "plot_series": 3, "animation": 3, "methods": 2}),
    ],
)
def test_only_what_shows_a_setting_of_figures_is_made_again(changed, key, value, remade):
    """Nothing is fetched, and no table; the pages list the files."""
    output = changed(lambda config: config.update({key: value}))
    counts = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}
    assert {rule: n for rule, n in counts.items() if rule not in ("all", "total", "explore", "index")} == remade


def test_numbers_of_the_whole_are_the_notebooks(complete, newest):
    """Frequency B with all samples, as in the notebook."""
    root, reference = complete[0].folder / "results" / "two", notebook_stack(newest[:2], SMALL, "B")
    data = xr.open_zarr(root / "stack.zarr")
    np.testing.assert_array_equal(data["HVHV"], reference["HVHV"])
    assert data.x.values.tobytes() == reference.x.values.tobytes()
    with open(root / "HVHV/mean_series.csv", newline="") as file:
        means = [float(row["mean_power"]) for row in csv.DictReader(file)]
    assert means == pytest.approx(np.nanmean(reference["HVHV"].values.astype("f8"), axis=(1, 2)), rel=1e-6)
    with open(root / "HVHV/histogram_power.csv", newline="") as file:
        counts = [int(row["count"]) for row in csv.DictReader(file)]
    assert_counts(counts, reference["HVHV"], 0, 2, 500)


def test_stores_open_cleanly_below_snakemake(complete, recwarn):
    """snakemake leaves its timestamp in every directory that it made."""
    for path in (complete[0].folder / "results").rglob("*.zarr"):
        assert xr.open_zarr(path).rio.crs.to_epsg() == 32645
    assert [str(warning.message) for warning in recwarn if "zarr" in str(warning.filename)] == []


def test_logs_and_benchmarks_mirror_the_results(complete):
    root = complete[0].folder
    logs = {str(path.relative_to(root / "logs"))[:-4] for path in root.glob("logs/*/**/*.log")}
    times = {
        str(path.relative_to(root / "benchmarks/results"))[:-4] for path in root.glob("benchmarks/results/*/**/*.tsv")
    }
    assert logs == times
    assert {"one/search", "one/stack", "one/HHHH/animation", "two/location"} <= logs
    assert "2 granules kept (2 dates), 1 dropped" in (root / "logs/one/search.log").read_text()
    assert "this stack holds BETA data" in (root / "logs/one/stack.log").read_text()


def test_a_second_run_does_nothing(complete):
    assert "Nothing to be done" in complete[0].run()


def test_valid_samples_only_reruns_products_alone(changed):
    def change(config):
        config["aois"]["two"]["valid_samples_only"] = True

    found = rules(changed(change))
    figures = {"animation", "explore", "caption", "plot_series"}
    assert set(found) == {"stack_db", "summarize", "dates", "methods", *figures}
    assert found["summarize"] == 1


def test_another_basemap_draws_the_maps_alone(changed):
    found = jobs(changed(lambda config: config.update(basemap="OpenStreetMap.Mapnik")))
    assert set(found) == {("location", "one"), ("location", "two")}


@pytest.mark.parametrize("target", ["granules.csv", "HVHV/animation_means.html"])
def test_any_target_can_be_asked_for_from_nothing(target, analysis, config):
    output = analysis.configure(config).run("--dry-run", f"results/one/{target}")
    found = jobs(output)
    assert found["search", "one"] == 1 and {aoi for _, aoi in found} == {"one"}
    assert all(number == 1 for (rule, _), number in found.items() if rule != "player")


def test_a_fragment_can_be_asked_for_from_nothing(analysis, config, newest):
    name = f"results/two/fragments/{newest[1].stem}.zarr"
    output = analysis.configure(config).run(name)
    assert rules(output) == {"search": 1, "clip": 1}
    assert analysis.results("two/*") == ["two/fragments", "two/granules", "two/granules.csv"]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("granules.csv", "checkpoint search:"),  # it makes the table again
        ("granules", "checkpoint search:"),
        ("granules/*_007_*.json", "granules.csv differ: only one of them holds NISAR_L2_PR_GCOV_007_"),
    ],
)
def test_a_result_of_the_search_was_lost(complete, tmp_path, lost, message):
    """It is made again or named, where a product is requested by name as well."""
    (path,) = (complete[0].folder / "results/one").glob(lost)
    path.rename(tmp_path / "aside")
    done = complete[0].snakemake("--dry-run", "results/one/HHHH/mean_series.csv", "-R", "summarize")
    (tmp_path / "aside").rename(path)
    assert message in done.output and bool(done.returncode) == message.startswith("granules.csv"), done.output


@pytest.mark.parametrize(
    ("product", "message"),
    [
        ("HHHH/zones.csv", "one: this product needs `zones:` in the configuration"),
        ("filtered.zarr", "one: this product needs `filter_window:` in the configuration"),
        ("VVVV/mean_series.csv", "one has no diagonal term VVVV in the configuration; it has HHHH, HVHV"),
        ("HHHH/change/felling.json", "one has no change felling in the configuration; it has none"),
    ],
)
def test_a_product_without_its_setting_is_refused(complete, product, message):
    done = complete[0].snakemake("--dry-run", f"results/one/{product}")
    assert done.returncode and message in done.output


def test_a_complex_term_has_no_series(analysis, aoi):
    """Nothing of backscatter is made of off-diagonal terms alone, even if it is requested by name."""
    analysis.configure({"aois": {"one": aoi}, "terms": ["HHHV"]})
    done = analysis.snakemake("--dry-run", "results/one/HHHV/mean_series.csv")
    assert done.returncode and re.search("No rule to produce|MissingRuleException", done.output)
    for product in ("explore.html", "stack_db.zarr", "change_history.zarr", "change_patches.csv"):
        done = analysis.snakemake("--dry-run", f"results/one/{product}")
        message = "one: this product needs a diagonal term such as HHHH in `terms:` in the configuration"
        assert done.returncode and message in done.output, product


@pytest.mark.long
def test_paths_with_odd_characters_work(analysis, newest):
    """Folders, and a file that tells a granule's name by its own alone."""
    entries = ["d{1}/*.h5", "100%/*.h5", "a[1]/" + newest[2].name, "my{v2} [3] 50%, {granule}=b.h5"]
    for folder, path in zip(["d{1}", "100%", "a[1]"], newest):
        (analysis.folder / folder).mkdir()
        shutil.copy(path, analysis.folder / folder)
    shutil.copy(newest[3], analysis.folder / entries[3])
    with h5py.File(analysis.folder / entries[3], "a") as file:
        del file["science/LSAR/identification/granuleId"]
    named, unnamed = ({"bbox": SMALL, "granules": part} for part in (entries[:3], entries[3:]))
    analysis.configure({"aois": {"named": named, "unnamed": unnamed}, "basemap": None})
    targets = ["results/named/HHHH/mean_series.csv", "results/unnamed/HHHH/mean_series.csv"]
    assert rules(analysis.run(*targets)) == {"search": 2, "clip": 4, "stack": 2, "summarize": 2}
    assert analysis.results("unnamed/fragments/*") == ["unnamed/fragments/my_v2___3__50____granule__b.zarr"]
    assert "Nothing to be done" in analysis.run(*targets)


# ---- bad input: one clear message, nothing half-written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aois: {x: {bbox: [83, 28, 84, 29], serach: {}}}", "aois.x.serach: unknown key; did you mean 'search'?"),
        ("aois: {x: {bbox: [1, 2, 3}}", "config.yaml, line 1: not valid YAML"),
    ],
)
def test_a_wrong_configuration_ends_before_any_job(text, message, analysis):
    done = analysis.configure(text).snakemake()
    assert done.returncode and message in done.output
    assert "Traceback" not in done.output and len(done.output.splitlines()) < 12
    assert analysis.results() == []


@pytest.mark.long
def test_a_configuration_given_by_name_is_checked_and_its_merging_said(analysis, config, tmp_path):
    analysis.configure(config)
    other = tmp_path / "other.yaml"
    other.write_text("search: {relative_orbit: 026}\n")
    done = analysis.snakemake("--dry-run", "--configfile", str(other))
    assert done.returncode and f"{other}, line 1: 026 has a leading zero" in done.output
    assert "Traceback" not in done.output
    other.write_text("search: {relative_orbit: 26}\n")
    output = analysis.run("results/two/granules.csv", "--configfile", str(other))
    assert output.count("is merged with config/config.yaml") == 1
    assert f"{other} is merged" in output and "`snakemake -d FOLDER`" in output
    (analysis.folder / "config/config.yaml").rename(tmp_path / "alone.yaml")
    assert "is merged" not in analysis.run("--dry-run", "--configfile", str(tmp_path / "alone.yaml"))


def test_as_a_module_our_section_is_checked(analysis):
    section = "gcov:\n  aois: {x: {bbox: [83, 28, 84, 29]}}\n  search: {relative_orbit: 026}\n"
    analysis.configure(f"code: 026\n{section}")
    (analysis.folder / "Snakefile").write_text(
        f'configfile: "config/config.yaml"\nmodule gcov:\n    snakefile: "{REPO}/Snakefile"\n'
        '    config: config["gcov"]\nuse rule * from gcov as gcov_*\n'
    )
    done = analysis.snakemake("-s", str(analysis.folder / "Snakefile"), "--dry-run")
    assert done.returncode and "config.yaml, line 4: 026 has a leading zero" in done.output
    assert "config.yaml, line 1:" not in done.output


@pytest.mark.long
def test_without_the_default_profile_the_guards_are_kept_or_missed_aloud(analysis, config, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/config.yaml").write_text("printshellcmds: true\n")
    analysis.configure(config)
    missing = "a changed script (an upgrade, say) fetches every granule again"
    arguments = ("--dry-run", "results/one/stack.zarr", "results/two/stack.zarr")
    output = analysis.run(*arguments, "--workflow-profile", str(tmp_path / "own"))
    assert output.count(missing) == 1 and "--rerun-triggers mtime params input" in output
    assert missing not in analysis.run(*arguments)
    kept = ("--rerun-triggers", "mtime", "params", "input")
    assert missing not in analysis.run(*arguments, "--workflow-profile", str(tmp_path / "own"), *kept)


def test_an_option_that_would_run_no_container_is_refused(analysis, config):
    done = analysis.configure(config).snakemake("--dry-run", "--sdm", "apptainer")
    assert done.returncode and "the rules name no image" in done.output and "docs/cloud.md" in done.output


def test_failures_are_told_and_leave_nothing_half_written(analysis, band, newest):
    """One before any granule is read, with a table of several lines, and one when the first is."""
    for facts in ({"track": 26}, {"track": 99, "direction": "D", "mode": "4005"}):
        write_granule(analysis.folder, granule_name(start=FIRST, **facts), {"A": band()})
    several, outside = {"granules": ["NISAR*.h5"]}, {"granules": [str(newest[0])], "bbox": [83.5, 28.0, 83.51, 28.01]}
    aois = {"several": {"bbox": SMALL, **several}, "outside": outside}
    done = analysis.configure({"aois": aois, "basemap": None}).snakemake("--keep-going")
    assert done.returncode and "Traceback" not in done.output, done.output
    assert "ERROR [several] The granules found cannot be one time series" in done.output
    assert re.search(r"^ +99 +D +4005 +DHDH +16 +1 +2025-11-23", done.output, re.MULTILINE)
    assert "ERROR [outside] the AOI [83.5, 28.0, 83.51, 28.01] lies outside of every granule" in done.output
    assert analysis.results("several/*") == []
    assert [path for path in analysis.results() if ".part" in path or "stack" in path] == []


@pytest.mark.long
def test_one_bad_granule_leaves_the_other_aoi(analysis, newest, tmp_path):
    folder = copied(newest[:2], tmp_path / "data")
    (folder / newest[1].name).write_text("<html>please log in</html>")
    aois = {
        "bad": {"bbox": SMALL, "granules": ["data/*.h5"]},
        "good": {"bbox": SMALL, "granules": [f"data/{newest[0].name}"]},
    }
    analysis.configure({"aois": aois, "basemap": None})
    targets = [f"results/{aoi}/stack.zarr" for aoi in aois]
    done = analysis.snakemake("--keep-going", *targets)
    assert done.returncode
    assert re.search(rf"ERROR \[bad\] {newest[1].stem}.*not an HDF5 file, or one cut short", done.output)
    assert (analysis.folder / "results/good/stack.zarr").exists()
    assert analysis.results("bad/*") == ["bad/fragments", "bad/granules", "bad/granules.csv"]
    assert analysis.results("bad/fragments/*") == [f"bad/fragments/{newest[0].stem}.zarr"]
    shutil.copy(newest[1], folder)  # the file is mended: the run goes on where it stopped
    assert rules(analysis.run(*targets)) == {"clip": 1, "stack": 1}


def test_complex_terms_alone_make_a_stack_and_no_pictures(analysis, newest):
    entry = {"bbox": SMALL, "granules": [str(newest[0])], "terms": ["HHHV"]}
    found = rules(analysis.configure({"aois": {"x": entry}, "basemap": None}).run("--dry-run"))
    assert set(found) == {"search", "stack", "location", "dates", "geometry", "granules_parquet", "methods"}


# ---- what else comes with it


def test_the_demos_configuration_makes_a_plan(analysis, granules):
    """The demo's own files are written by `make demo`; any granules do for the plan."""
    copied(granules, analysis.folder / "data")
    for name in ("zones.geojson", "rain.csv"):
        shutil.copy(REPO / "demo" / name, analysis.folder)
    found = jobs(analysis.configure((REPO / "demo/config/config.yaml").read_text()).run("--dry-run"))
    assert found["search", "phewa"] == 1 and found["animation", "phewa"] == 2


def test_the_example_makes_a_plan_without_a_network(analysis):
    found = jobs(analysis.configure((REPO / "config/config.yaml").read_text()).run("--dry-run"))
    assert found["search", "queretaro"] == 1 and found["animation", "queretaro"] == 1


def test_until_a_rule_after_the_search_says_what_to_ask_for_instead(analysis, aoi):
    analysis.configure({"aois": {"a": aoi}, "terms": ["HHHH"], "basemap": None})
    assert "--until search:" not in analysis.run("--until", "search")
    said = analysis.run("--until", "clip")
    assert "--until clip: Snakemake knows the jobs after a search only once it is done" in said
    assert "snakemake --cores 4 results/AOI/stack.zarr" in said
    assert "--until" not in analysis.run("-n", "results/a/stack.zarr")


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_new_attempt_has_more_time_or_memory(complete, attempt):
    """More time for what waits for the archive, more memory for what depends on the page; no more for others."""
    output = complete[0].run("--dry-run", "--attempt", str(attempt), "-R", "clip", "explore", "stack")
    asked = dict(re.findall(r"rule (\w+):\n.*?resources: (.*?)\n", output, re.DOTALL))
    wanted = {"clip": (1000, 15 * attempt), "explore": (1000 * attempt, 60), "stack": (700, 30)}
    for rule, (memory, minutes) in wanted.items():
        assert {f"mem_mb={memory}", f"runtime={minutes}"} <= {*asked[rule].split(", ")}, rule
