"""Every way of installing gives the same versions, and nothing in the repository depends on one machine."""

import re
import subprocess

import pytest
import yaml
from helpers import REPO
from runtime import pins, wanted

# distributions whose conda package has another name
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def conda() -> dict[str, str]:
    """Versions by distribution in the conda environment."""
    entries = yaml.safe_load((REPO / "envs" / "gcov.yaml").read_text())["dependencies"]
    versions = dict(re.split("=+", entry) for entry in entries)
    ours = {theirs: name for name, theirs in CONDA_NAMES.items()}
    return {ours.get(name, name).lower().replace("_", "-"): version for name, version in versions.items()}


def test_the_conda_environment_is_the_lock():
    locked, environment = pins("requirements.txt"), conda()
    python = environment.pop("python")
    assert {name: locked.get(name) for name in environment} == environment
    assert tuple(map(int, python.split("."))) >= (3, 11)


def test_the_conda_environment_is_complete():
    """All that scripts import; snakemake, its plugins and what its report needs run outside of it."""
    imported = {name for name in wanted("requirements.in") if not name.startswith(("snakemake", "pygments"))}
    assert set(conda()) - {"python"} == imported


def test_every_requirement_is_locked():
    assert set(wanted("requirements.in")) <= set(pins("requirements.txt"))
    assert set(wanted("requirements-dev.in")) <= set(pins("requirements-dev.txt"))


def test_both_locks_hold_the_same_versions():
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: development.get(name, version) for name, version in runtime.items()} == runtime


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-uv.txt"])
def test_every_pin_has_its_hashes(name):
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", (REPO / name).read_text(), flags=re.MULTILINE))
    blocks = [block for block in blocks if block.strip()]
    assert len(blocks) == len(re.findall("^[^# ]", (REPO / name).read_text(), re.MULTILINE))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git repository")
    return done.stdout.split("\n")[:-1]


def test_a_module_from_a_git_host_gets_every_file_of_the_package():
    package = {name.removeprefix("scripts/") for name in tracked() if name.startswith("scripts/gcov/")}
    wanted = sorted(name for name in package if not name.startswith("gcov/testing/"))
    assert (REPO / "scripts" / "sources.txt").read_text().split() == wanted, "run `make sources`"


def test_nothing_belongs_to_one_machine_or_index():
    """No package index, and no absolute path of somebody's machine."""
    foreign = re.compile(
        r"--(?:extra-)?index-url|--find-links(?! wheels )|--trusted-host|(?<![\w/])/(?:home|root|Users|work)/\w"
        r"|https?://[^\s/]*(?:py(?:pi|thonh)|artifactory|anaconda|nexus)"
    )
    found = []
    for name in tracked():
        path = REPO / name
        if path == REPO / "tests" / "unit" / "test_envs.py" or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            found += [f"{name}: {match[0]}" for match in foreign.finditer(content.decode())]
    assert found == []
