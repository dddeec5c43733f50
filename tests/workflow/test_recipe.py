"""The recipe of docs/architecture.md, applied word for word to a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import BBOX, REPO, notebook_stack
from runtime import snakemake

BLOCK = r"^`([^`]+)`, (a new file|at the end|below `([^\n]+)`):\n\n```\w+\n(.*?)^```"
STEP = re.compile(BLOCK, re.MULTILINE | re.DOTALL)
LEVEL = -12.5


def apply(folder: Path, path: str, where: str, anchor: str, block: str) -> None:
    """Do one step. `anchor` is how the line above the block begins, without backticks."""
    file = folder / path
    if where == "a new file":
        assert not file.exists()
        file.write_text(block)
        return
    lines = file.read_text().splitlines(keepends=True)
    at = len(lines)
    if anchor:
        at = 1 + next(n for n, line in enumerate(lines) if line.replace("`", "").strip().startswith(anchor))
        at += not (lines[at].strip() or block.startswith("\n"))
    file.write_text("".join([*lines[:at], block, *lines[at:]]))


def git(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The project, as far as git knows it, with the recipe applied."""
    if not (REPO / ".git").exists():
        pytest.skip("not a git repository")
    folder = tmp_path_factory.mktemp("recipe") / "project"
    for name in git(REPO, "ls-files"):
        if (REPO / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    for step in STEP.findall((folder / "docs" / "architecture.md").read_text()):
        apply(folder, *step)
    run(folder, "-m", "gcov.inputs.schema", env={"PYTHONPATH": "scripts"})  # make schema
    return folder


def run(folder: Path, *arguments: str, **options) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_touches_at_most_ten_files(copy):
    touched = git(copy, "status", "--porcelain", "--untracked-files=all", ".")
    changed = {line[3:] for line in touched if line[1] != " "}
    assert {"config/schema.yaml", "scripts/dark.py", "CHANGELOG.md"} < changed
    assert len(changed) <= 10, changed


def test_the_projects_own_checks_pass(copy):
    run(copy, "-m", "ruff", "check", ".")
    run(copy, "-m", "ruff", "format", "--check", ".")
    run(copy, "-m", "snakefmt", "--check", "rules/series.smk")
    checks = "dark or shows_the_defaults or explains_every_key or schema_file or room or readme"
    files = [f"tests/unit/test_{name}.py" for name in ("dark", "config", "rooms", "docs")]
    tests = run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *files, "-k", checks)
    assert int(re.search(r"(\d+) passed", tests)[1]) > 10


def test_the_product_is_what_numpy_counts(copy, newest, tmp_path):
    """On the granules themselves, opened as the notebook does."""
    newest = newest[:2]
    aoi = {"bbox": BBOX, "granules": list(map(str, newest))}
    config = {"aois": {"lit": aoi, "dark": {**aoi, "dark_below_db": LEVEL}}, "explore_megabytes": None}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config))

    def workflow(*arguments: str) -> str:
        done = snakemake("-s", str(copy / "Snakefile"), "-d", str(tmp_path), "--cores", "2", *arguments)
        assert done.returncode == 0, done.output
        return done.output

    workflow("results/dark/HHHH/dark.csv")
    stack = notebook_stack(newest, BBOX)
    valid = (stack["mask"] >= 1) & (stack["mask"] <= 254) & np.isfinite(stack["HHHH"])
    dark = valid & (10 * np.log10(stack["HHHH"]) < LEVEL)
    found = pd.read_csv(tmp_path / "results/dark/HHHH/dark.csv", parse_dates=["time"])
    assert found["n_valid"].tolist() == valid.sum(("y", "x")).values.tolist()
    assert found["n_dark"].tolist() == dark.sum(("y", "x")).values.tolist()
    assert (found["n_dark"] > 0).all() and (found["n_dark"] < found["n_valid"]).all()
    assert (found["time"].values == stack["time"].values.astype(found["time"].dtype)).all()
    counted = re.findall(r"^  dark +(\d+) jobs", workflow("explain"), re.MULTILINE)
    assert counted == ["1"], "one of the two AOIs asks for it"
