"""Facts stated in several places agree: code, README, docs, schema, rules."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import product

import numpy as np
import pytest
import yaml
from helpers import BBOX, EPSG, NORTH, REPO, WEST, grid_of
from packaging.requirements import Requirement
from runtime import wanted

from gcov import __version__, granules
from gcov.stores import store

INCLUDED = re.findall(r'^include: "(rules/\w+\.smk)"', (REPO / "Snakefile").read_text(), re.MULTILINE)
RULES = "\n".join((REPO / name).read_text() for name in INCLUDED)
SCHEMA = yaml.safe_load((REPO / "config" / "schema.yaml").read_text())


def test_the_readme_names_every_product():
    """The products of the rules, by name; `.png` beside a table may stand for its figure."""
    names = set(re.findall(r'"results/\{aoi\}/(?:\{term\}/)?([^/"{}]+\.[a-z]+)"', RULES))
    assert {"stack.zarr", "stack_db.zarr", "mean_series.csv", "granules.csv", "location.png"} <= names
    readme = (REPO / "README.md").read_text()
    for name in names - {"stretch.json", "speckle.json", "change_patches.ids.json"}:  # read by rules alone
        if name.endswith(".rst"):  # for captions
            continue
        stem, _, ending = name.rpartition(".")
        assert stem in readme and f".{ending}" in readme, name


def test_one_list_of_terms():
    channels = ["HH", "HV", "VH", "VV", "LH", "LV", "RH", "RV"]
    diagonal = {channel * 2 for channel in channels}
    wildcard = re.search(r'term="([A-Z|]+)"', RULES)[1].split("|")
    assert set(wildcard) == diagonal
    pattern = SCHEMA["$defs"]["terms"]["items"]["pattern"]
    for first, second in product(channels, channels):
        if re.search(pattern, first + second):
            assert granules.is_diagonal(first + second) == (first + second in diagonal)
    assert all(re.search(pattern, term) for term in diagonal)


def test_one_version_and_one_oldest_python():
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((REPO / "CITATION.cff").read_text())["version"] == __version__
    oldest = re.fullmatch(r">=(3\.\d+)", project["requires-python"])[1]
    makefile = (REPO / "Makefile").read_text()
    assert f"Python {oldest} or newer" in makefile and f"({oldest.replace('.', ', ')})" in makefile
    assert f"--python-version {oldest}" in makefile
    assert f"Python {oldest} or newer" in (REPO / "README.md").read_text()


def needed(distributions: list[str]) -> set[str]:
    """These distributions, and those that they require."""
    found = set()
    while distributions:
        name = distributions.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            needs = (Requirement(text) for text in metadata.requires(name) or [])
            distributions += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


NOTEBOOK = """
import sys
sys.modules.update(dict.fromkeys({foreign!r}))
from gcov.store import open_stack
import xarray
path = sys.argv[1]
stack = open_stack(path)
stack.to_netcdf("stack.nc")
same = xarray.open_dataset("stack.nc").equals(stack)
print(stack.rio.crs.to_epsg(), same, stack.attrs["given"], stack.attrs["bounds"])
"""


def test_a_notebook_opens_a_store_with_the_built_package_alone(tmp_path):
    """Without the repository on the path, and without what only the workflow needs."""
    source = tmp_path / "source"  # building leaves files beside what is built
    shutil.copytree(REPO / "scripts" / "gcov", source / "scripts" / "gcov")
    for name in ("pyproject.toml", "requirements.in", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", str(source)], check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*install, str(wheel)], check=True)
    tracked = {str(path.relative_to(REPO / "scripts")) for path in (REPO / "scripts/gcov").rglob("*.[hjpy]*")}
    installed = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site/gcov").rglob("*.[hjpy]*")}
    assert {path for path in tracked ^ installed if "__pycache__" not in path} == set()

    x, y = WEST + 20.0 * np.arange(3), NORTH - 20.0 * np.arange(2)
    given = {"given": {"HHHH": 4.5}, "bounds": [1.5, 2], "scene": None, "title": "a stack"}
    date = store.Date("2025-11-23T23:47:39", "first", "X05009", "BETA", "DHDH")
    types = {"HHHH": "float32", "HHHV": "complex64", "mask": "uint8"}
    store.create(tmp_path / "stack.zarr", grid=grid_of(EPSG, x, y), dates=[date], types=types, attributes=given)
    whole = {"time": slice(0, 1), "y": slice(0, 2), "x": slice(0, 3)}
    store.write(tmp_path / "stack.zarr", whole, {name: np.ones((1, 2, 3), kind) for name, kind in types.items()})
    store.finish(tmp_path / "stack.zarr", valid_samples_only=True)

    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    foreign = set(wanted("requirements.in")) - needed([Requirement(text).name for text in project["dependencies"]])
    assert {"snakemake", "matplotlib", "s3fs"} <= foreign
    code = NOTEBOOK.format(foreign=["netCDF4", *foreign])
    done = subprocess.run(
        [sys.executable, "-c", code, "stack.zarr"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f'{EPSG} True {{"HHHH": 4.5}} [1.5, 2]', done.stderr


def test_one_oldest_snakemake():
    oldest = re.search(r'min_version\("([\d.]+)"\)', (REPO / "Snakefile").read_text())[1]
    assert f"\nsnakemake>={oldest}\n" in (REPO / "requirements.in").read_text()
    assert f"Snakemake {oldest} or newer" in (REPO / "docs/deploy.md").read_text()


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_snakemake_alone_reads_the_workflow(snakefile):
    """As the workflow catalog does, to check it."""
    foreign = sorted(set(wanted("requirements.in")) - needed(["snakemake"]) - {"pygments"})  # its plugins import that
    assert {"pandas", "xarray"} <= set(foreign)
    code = f"import sys; from snakemake.cli import main; sys.modules.update(dict.fromkeys({foreign})); main()"
    lint = [sys.executable, "-c", code, "--lint", "--snakefile", snakefile]
    done = subprocess.run(lint, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize("first", [True, False])
def test_jobs_run_the_workflows_own_modules(first, analysis, newest, tmp_path):
    """Another copy is installed, before or behind all other packages."""
    installed = tmp_path / "installed"
    shutil.copytree(REPO / "scripts" / "gcov", installed / "gcov")
    for path in installed.rglob("*.py"):
        path.write_text(f"raise ImportError('the installed copy')\n{path.read_text()}")
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(installed)!r})\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{installed}" if first else str(tmp_path)}
    analysis.configure({"aois": {"one": {"bbox": BBOX, "granules": [str(newest[0])]}}, "basemap": None})
    assert "1 granules" in analysis.run("explain", "results/one/stack.zarr", env=env)
