"""The workflow on a real Slurm, booted on this machine: three nodes, and two more without a network."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Analysis
from helpers import BBOX, FIRST, REPO
from runtime import as_installed
from servers.archive import TOKEN, Archive
from servers.cmr import CmrServer
from servers.field import FOOTPRINT
from servers.tls import trust
from slurm.report import Submission, submissions, table

from gcov.testing.synthetic import granule_name, write_granule

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="session")  # with its daemons gone, Slurm's plugin would hold up each later snakemake for 2 s
def slurm():
    """Boot Slurm and end it; only a developer who is not root on Debian may go without."""
    if not os.environ.get("CI") and (os.geteuid() != 0 or not Path("/etc/debian_version").exists()):
        pytest.skip("tests/slurm/boot.sh needs root on Debian or Ubuntu")
    booted = subprocess.run([REPO / "tests/slurm/boot.sh"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert booted.returncode == 0, booted.stdout
    yield
    subprocess.run([REPO / "tests/slurm/stop.sh"])


@dataclass(frozen=True)
class Run:
    """A run of the workflow through the profile, as a user would start it; what it prints goes to `cluster.txt`."""

    folder: Path
    process: subprocess.Popen

    @classmethod
    def start(cls, folder: Path, config: dict, *arguments: str, env: dict | None = None) -> "Run":
        Analysis(folder).configure({"terms": ["HHHH"], "basemap": None, **config})
        command = [sys.executable, "-m", "snakemake", "-s", REPO / "Snakefile", "-d", folder]
        profile = ["--profile", REPO / "profiles/slurm", "--slurm-init-seconds-before-status-checks", "1"]
        with open(folder / "cluster.txt", "w") as output:
            done = subprocess.Popen(
                [*command, *profile, *arguments], stdout=output, stderr=subprocess.STDOUT, env=as_installed(env)
            )
        return cls(folder, done)

    def finish(self) -> None:
        try:
            self.process.wait(timeout=500)
        finally:
            self.process.kill()

    @property
    def output(self) -> str:
        return (self.folder / "cluster.txt").read_text()

    @property
    def submissions(self) -> list[Submission]:
        return submissions([re.search(r"SLURM run ID: (\S+)", self.output)[1]])

    @property
    def local_rules(self) -> set[str]:
        return set(re.findall(r"^local(?:rule|checkpoint) (\w+):$", self.output, re.MULTILINE))


@pytest.fixture(scope="module")
def archive(band, tmp_path_factory):
    """Two granules in an archive on this machine's loopback, out of reach for the nodes of partition `offline`."""
    folder = tmp_path_factory.mktemp("archive")
    with Archive(folder) as archive, CmrServer() as archive.cmr:
        for index in range(2):
            name = granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index))
            archive.add(write_granule(folder, name, {"A": band(12 * index)}, chunks=(64, 64)))
        archive.cmr.items[:] = archive.umm_items(FOOTPRINT)
        yield archive


@pytest.fixture(scope="module")
def runs(slurm, archive, granules, tmp_path_factory) -> dict[str, Run]:
    """Three concurrent runs, since each mostly waits: on nodes with and without a network."""
    whole = {"aois": {"valley": {"bbox": BBOX, "granules": [f"{granules[0].parent}/*.h5"]}}}
    network = {"access": "https", "credentials_url": archive.credentials_url, "cmr_host": archive.cmr.host}
    searched = {"bbox": BBOX, "search": {"relative_orbit": 26, "frame": 16}}
    listed = {"bbox": BBOX, "granules": [archive.https_url(granule_name(cycle=6, start=FIRST))]}
    fetched_here = {"aois": {"valley": searched}, "archive": {**network, "fetch_on_submit_host": True}}
    fetched_on_nodes = {"aois": {"valley": listed}, "archive": network}
    few = ["results/valley/stack.zarr", "results/valley/location.png"]
    offline = [*few, "--default-resources", "slurm_partition=offline"]
    env = {**os.environ, **trust(archive.ca_pem), "EARTHDATA_TOKEN": TOKEN, "GCOV_TRUST_HOST": archive.host}
    runs = {
        "whole": Run.start(tmp_path_factory.mktemp("whole"), whole),
        "fetched here": Run.start(tmp_path_factory.mktemp("here"), fetched_here, *offline, env=env),
        "fetched on nodes": Run.start(
            tmp_path_factory.mktemp("nodes"), fetched_on_nodes, *offline, "--retries", "1", env=env
        ),
    }
    for run in runs.values():
        run.finish()
    return runs


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file of the stores and tables under results/."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file() and path.name != ".snakemake_timestamp"]
    kept = [path for path in files if path.suffix == ".csv" or ".zarr/" in str(path)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_every_product_is_that_of_a_local_run(runs, analysis):
    run = runs["whole"]
    assert run.process.returncode == 0, run.output
    analysis.configure((run.folder / "config/config.yaml").read_text()).run()
    here, there = contents(analysis.folder), contents(run.folder)
    assert Analysis(run.folder).results() == analysis.results()
    assert here and [name for name in here if here[name] != there[name]] == []


def test_few_submissions_that_ask_for_what_they_need(runs):
    done = runs["whole"].submissions
    print(table(done))
    alone = ["geometry", "granules_parquet", "index", "location", "search", "stack", "stack_db"]
    assert sorted(one.stage for one in done) == ["clip", "figures", *alone]
    assert "18 of 18 steps" in runs["whole"].output
    asked = {(one.stage, one.cpus, one.memory) for one in done}
    assert {("clip", 1, "1000M"), ("figures", 1, "1000M")} <= asked, "members of a group run one after another"


def test_nodes_without_internet_work_on_what_the_submit_host_fetched(runs):
    run = runs["fetched here"]
    assert run.process.returncode == 0, run.output
    assert run.local_rules >= {"search", "clip", "location"}
    assert [one.stage for one in run.submissions] == ["stack"]


def test_nodes_without_internet_say_what_to_set(runs):
    run = runs["fetched on nodes"]
    assert run.process.returncode == 1, run.output
    assert [(one.stage, one.state, one.limit) for one in run.submissions] == [
        ("search", "COMPLETED", "00:20:00"),
        ("clip", "FAILED", "00:15:00"),
        ("clip", "FAILED", "00:30:00"),  # a second attempt has more time
    ]
    assert "set archive.fetch_on_submit_host: true" in run.output
