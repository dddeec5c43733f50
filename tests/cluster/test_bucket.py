"""Results in a bucket, jobs on nodes that see neither the clone nor each other. moto is the bucket."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import geopandas
import pytest
from conftest import Analysis
from helpers import BBOX, REPO
from servers.archive import _moto_address

pytestmark = pytest.mark.long
RESULTS, GRANULES = "results-of-lab", "granules-of-lab"
CONFIG = {
    "aois": {
        "aoi": {"bbox": BBOX, "granules": [f"s3://{GRANULES}/*.h5"], "zones": "zones.geojson", "rainfall": "rain.csv"}
    },
    "terms": ["HHHH"],
    "basemap": None,
    "explore_megabytes": None,
}
INDEX = "results/index.html"
TARGETS = [INDEX, "results/aoi/HHHH/zones.csv", "results/aoi/HHHH/mean_series.png"]
ZONES = """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "west"}, "geometry":
{"type": "Polygon", "coordinates": [[[83.874, 28.264], [83.880, 28.264], [83.880, 28.272], [83.874, 28.272],
[83.874, 28.264]]]}}]}"""
RAIN = "date,mm\n" + "".join(f"2025-12-{day:02d},{day % 7}\n" for day in range(1, 32))
SUBMIT = """#!/bin/bash
# A node: a folder of its own, from which the user's folders are not to be seen.
node=$(mktemp -d {nodes}/node.XXXXXX)
cp "$1" "$node/job.sh"
(unshare --mount bash -c 'for hidden in {hidden}; do mount -t tmpfs none "$hidden"; done; cd '"$node"'; bash job.sh' \\
  > "$node/output" 2>&1; echo $? > "$node/status") < /dev/null > /dev/null 2>&1 &
echo "$node"
"""
STATUS = """#!/bin/bash
case $(cat "$1/status" 2> /dev/null) in "") echo running;; 0) echo success;; *) echo failed;; esac
"""


@dataclass(frozen=True)
class Lab:
    """A user with a clone, nodes and a bucket."""

    folder: Path
    env: dict[str, str]

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def local(self) -> Analysis:
        return Analysis(self.folder / "local")

    def snakemake(self, *arguments) -> subprocess.CompletedProcess:
        """A run on the nodes: the search, then a group of all that follows it, as each submission takes seconds."""
        nodes = ["--executor", "cluster-generic", "--seconds-between-status-checks", "1", "--retries", "0"]
        nodes += [f"--cluster-generic-{name}-cmd={self.folder / name}" for name in ("submit", "status")]
        nodes += ["--groups", *(f"{rule}=figures" for rule in ("clip", "stack", "index"))]
        where = ["--profile", str(self.clone / "profiles/bucket"), "--default-storage-prefix", f"s3://{RESULTS}/lab"]
        command = [sys.executable, "-m", "snakemake", *where, *nodes, *arguments]
        return subprocess.run(command, cwd=self.clone, env=self.env, capture_output=True, text=True)

    def run(self, *arguments) -> str:
        """What a run on the nodes prints; it must succeed."""
        done = self.snakemake(*arguments)
        outputs = [path.read_text() for path in self.folder.glob("nodes/*/output")] if done.returncode else []
        assert done.returncode == 0, "\n".join([done.stdout, done.stderr, *outputs])
        return done.stdout + done.stderr

    @property
    def s3(self) -> Any:
        return boto3.resource(
            "s3", endpoint_url=self.env["AWS_ENDPOINT_URL"], aws_access_key_id="a", aws_secret_access_key="b"
        )

    def add(self, granule: Path) -> None:
        """Put a granule into the bucket that is searched."""
        self.s3.Bucket(GRANULES).upload_file(str(granule), granule.name)

    def objects(self, start: str = "results/") -> dict[str, Any]:
        """The objects in the bucket of results whose paths start so, by path."""
        found = self.s3.Bucket(RESULTS).objects.filter(Prefix=f"lab/{start}")
        return {item.key.removeprefix("lab/"): item for item in found}

    def object(self, path: str) -> Any:
        """One of them."""
        return self.s3.Object(RESULTS, f"lab/{path}")


def write_files(folder: Path) -> None:
    """The user's own files."""
    (folder / "zones.geojson").write_text(ZONES)
    geopandas.read_file(folder / "zones.geojson").to_file(folder / "zones.shp")
    (folder / "rain.csv").write_text(RAIN)
    Analysis(folder).configure(CONFIG)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, newest) -> Lab:
    """A clone with a configuration, and a bucket with two granules."""
    if not os.environ.get("CI") and (os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"]).returncode):
        pytest.skip("nodes are mount namespaces, which need root")
    folder = tmp_path_factory.mktemp("lab")
    clone = folder / "clone"
    for file in subprocess.check_output(["git", "ls-files"], cwd=REPO, text=True).split():
        if not file.startswith(("docs/", "tests/")) and (REPO / file).exists():
            (clone / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / file, clone / file)
    for command in ("init -q", "add -A", "-c user.name=u -c user.email=u@example.org commit -qm all"):
        subprocess.run(["git", *command.split()], cwd=clone, check=True)
    for name in ("nodes", "local"):
        (folder / name).mkdir()
    write_files(clone)
    write_files(folder / "local")
    hidden = f"{clone} {folder}/local"
    for name, text in (("submit", SUBMIT.format(nodes=folder / "nodes", hidden=hidden)), ("status", STATUS)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    host, port = _moto_address()
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    one = Lab(folder, env)
    for bucket in (RESULTS, GRANULES):
        one.s3.create_bucket(Bucket=bucket)
    for granule in newest[:2]:
        one.add(granule)
    return one


def test_results_equal_those_of_a_local_run(lab):
    lab.run("--", *TARGETS)
    lab.local.run("--", *TARGETS, env=lab.env)
    here = lab.local.folder
    wanted = {str(path.relative_to(here)): path.read_bytes() for path in here.glob("results/**/*") if path.is_file()}
    found = {path: item.get()["Body"].read() for path, item in lab.objects().items()}
    copies = {f"results/aoi/own_files/{path}" for path in ("zones/zones.geojson", "rainfall/rain.csv")}
    assert {*found} == {*wanted} | copies
    assert [path for path, data in wanted.items() if found[path] != data] == []


def test_nothing_is_to_do_again_even_without_what_snakemake_remembers(lab):
    assert "Nothing to be done" in lab.run("-n", "--", *TARGETS)
    shutil.move(lab.clone / ".snakemake", lab.folder / "aside")
    assert "Nothing to be done" in lab.run("-n", "--", *TARGETS)
    shutil.rmtree(lab.clone / ".snakemake")
    shutil.move(lab.folder / "aside", lab.clone / ".snakemake")


def test_a_report_holds_figures_from_the_bucket(lab):
    lab.run("--report", "report.html", "--", TARGETS[-1])
    report = (lab.clone / "report.html").read_text()
    assert "mean_series.png" in report and "2 dates" in report


def test_a_new_granule_is_clipped_once(lab, newest):
    """And what the last run found, which the job reads and writes, comes from the bucket."""
    dates = list(json.loads(lab.object("results/index.memory.json").get()["Body"].read())["now"]["aoi"]["dates"])
    before = {path: item.last_modified for path, item in lab.objects("results/aoi/fragments/").items()}
    lab.add(newest[2])
    output = lab.run("-R", "search", "--", INDEX)
    assert re.findall(r"Finished jobid: \d+ \(Rule: (clip|stack)\)", output) == ["clip", "stack"]
    after = {path: item.last_modified for path, item in lab.objects("results/aoi/fragments/").items()}
    assert {path: after[path] for path in before} == before
    assert {path.split("/")[3] for path in {*after} - {*before}} == {f"{newest[2].stem}.zarr"}
    memory = json.loads(lab.object("results/index.memory.json").get()["Body"].read())
    assert [*memory["before"]["aoi"]["dates"]] == dates and len(memory["now"]["aoi"]["dates"]) == 3


@pytest.mark.parametrize(
    "change, arguments, words",
    [
        ({}, ["--keep-incomplete"], "keep-incomplete would keep half a store"),
        ({}, ["--envvars", "EARTHDATA_TOKEN"], "--envvars writes the values of variables"),
        ({}, ["--storage-s3-access-key", "a", "--storage-s3-secret-key", "b"], "are written into job scripts"),
        ({}, ["-d", "../local"], "without -d"),
        ({}, ["verify"], "verify reads stores on a disk"),
        ({"granules": ["here/*.h5"]}, [], "the nodes do not see the local granules 'here/\\*.h5'"),
        ({"zones": "zones.shp"}, [], "zones.shp is one of several files"),
    ],
)
def test_what_could_go_wrong_unseen_is_refused(lab, change, arguments, words):
    Analysis(lab.clone).configure({**CONFIG, "aois": {"aoi": {**CONFIG["aois"]["aoi"], **change}}})
    lab.env["EARTHDATA_TOKEN"] = "secret"
    done = lab.snakemake("-n", *arguments)
    del lab.env["EARTHDATA_TOKEN"]
    assert done.returncode and re.search(words, done.stdout + done.stderr), done.stdout + done.stderr
