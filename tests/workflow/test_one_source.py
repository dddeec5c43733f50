"""Facts stated in several places agree: code, README, docs, schema, rules."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import product

import pytest
import yaml
from helpers import BBOX, REPO

from gcov import __version__, granules

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


def test_the_package_installs_and_imports(tmp_path):
    """As a notebook needs it: without the repository on the path."""
    source = tmp_path / "source"  # building leaves files beside what is built
    shutil.copytree(REPO / "scripts" / "gcov", source / "scripts" / "gcov")
    for name in ("pyproject.toml", "requirements.in"):
        shutil.copy(REPO / name, source)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(tmp_path / "site"), str(source)], check=True)
    code = "import gcov, gcov.stores.store, gcov.figures.movies as m; print(gcov.__version__, m.PLAYER.is_file())"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [__version__, "True"]


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
