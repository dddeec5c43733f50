"""Small synthetic granules, and analysis folders in which the workflow is run on them."""

import gcov.log  # noqa: F401

import gc
import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers import BBOX, EPSG, FIRST, NORTH, REPO, SHAPE, WEST
from runtime import Done, snakemake
from servers.archive import Archive
from servers.field import environment, write_scenes
from servers.tls import LoopbackServer, session_tls

from gcov.archive import login, transport
from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, block_average, centres, granule_name, write_granule

gc.enable()  # as in a job: gcov.log leaves it off while modules are imported
LONGEST = [
    f"test_{name}.py"
    for name in (
        *("slurm", "bucket", "archive", "interruptions", "workflow", "small_areas", "secrets", "incremental"),
        *("in_browser", "series", "report", "change_products"),
    )
]
BROWSER_TESTS = Path(__file__).parent / "browser"
REGISTERED = f"""
include: "{REPO}/Snakefile"

import json

facts = [
    {{"rule": one.maker.rule.name, "name": one.name, "words": one.sentence, "key": one.key, "files": one.files}}
    | {{"cost": one.cost is not None}}
    for one in PRODUCTS
]
Path("products.json").write_text(json.dumps(facts))
"""
NO_BROWSER = not (os.environ.get("CI") or (shutil.which("chromium") and shutil.which("chromedriver")))


def pytest_ignore_collect(collection_path, config):
    """The tests of pages need a browser; if CI is set they fail without one."""
    return True if NO_BROWSER and collection_path == BROWSER_TESTS else None


def pytest_collection_modifyitems(items):
    """Start the longest files first: nothing waits for one of them in the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_terminal_summary(terminalreporter, config):
    """Report that tests were left out."""
    if NO_BROWSER and any(Path(argument).resolve() in BROWSER_TESTS.parents for argument in config.args):
        terminalreporter.line("tests/browser was left out: it needs chromium and chromedriver in the PATH")


@dataclass(frozen=True)
class Analysis:
    """A user's analysis folder, with its own config/config.yaml."""

    folder: Path

    def configure(self, config: dict | str) -> "Analysis":
        """Write the configuration: a mapping, without explore.html unless it says so; or YAML text."""
        if isinstance(config, dict):
            config = {"explore_megabytes": None} | config
        path = self.folder / "config" / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
        return self

    def snakemake(self, *arguments: str, env: dict | None = None) -> Done:
        """Run the workflow there as a user's, in the environment `env`."""
        return snakemake("-s", str(REPO / "Snakefile"), "-d", str(self.folder), "--cores", "2", *arguments, env=env)

    def run(self, *arguments: str, env: dict | None = None) -> str:
        """Run the workflow there, which must succeed; returns what it printed."""
        done = self.snakemake(*arguments, env=env)
        assert done.returncode == 0, done.output
        return done.output

    def results(self, pattern: str = "**/*") -> list[str]:
        """Paths below results/, sorted."""
        root = self.folder / "results"
        return sorted(str(path.relative_to(root)) for path in root.glob(pattern))


@pytest.fixture
def analysis(tmp_path) -> Analysis:
    """An empty analysis folder."""
    return Analysis(tmp_path)


@pytest.fixture(scope="module")
def module_analysis(tmp_path_factory) -> Analysis:
    """An analysis folder that the tests of a module share."""
    return Analysis(tmp_path_factory.mktemp("analysis"))


@pytest.fixture(scope="session")
def valley():
    """The landscape of all small granules."""
    return landscape(SHAPE)


@pytest.fixture(scope="session")
def band(valley):
    """A function giving frequency A on a day: 120 x 152 pixels of 20 m, terms HHHH and HVHV."""

    def of(day: int = 0) -> Band:
        terms, mask = valley.scene(day)
        return Band(EPSG, centres(WEST, 20, SHAPE[1]), centres(NORTH, -20, SHAPE[0]), terms, mask)

    return of


@pytest.fixture(scope="session")
def granules(band, tmp_path_factory) -> list[Path]:
    """Four granules, 12 days apart, with frequencies A and B; the second has two releases.

    In order of name: the BETA releases X05009 and X05010 of the second date lie side by side.
    """
    folder = tmp_path_factory.mktemp("granules")
    paths = []
    for index in range(4):
        one = band(12 * index)
        for crid in ("X05009", "X05010") if index == 1 else ("X05009",):
            name = granule_name(cycle=6 + index, start=FIRST + timedelta(days=12 * index), crid=crid)
            bands = {"A": one, "B": block_average(one, 4)}
            paths.append(write_granule(folder, name, bands, chunks=(64, 64)))
    return paths


@pytest.fixture(scope="session")
def newest(granules) -> list[Path]:
    """The four granules that the release rule keeps."""
    return [path for i, path in enumerate(granules) if i != 1]


@pytest.fixture
def write(tmp_path):
    """A function that writes one granule of given bands (or of a single band A) into the test's folder."""

    def one(bands, *, folder="granules", start: datetime = FIRST, file_name=None, **name) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        bands = bands if isinstance(bands, dict) else {"A": bands}
        name = granule_name(start=start, **name)
        return write_granule(tmp_path / folder, name, bands, chunks=(64, 64), file_name=file_name)

    return one


@pytest.fixture
def aoi(granules) -> dict:
    """The configuration of an AOI on the small granules."""
    return {"bbox": BBOX, "granules": [f"{granules[0].parent}/*.h5"]}


@pytest.fixture(scope="session")
def registered(tmp_path_factory) -> list[dict]:
    """The products that the rules register, in order: rule, name, words, key, whether explain counts it, files."""
    analysis = Analysis(tmp_path_factory.mktemp("registered"))
    analysis.configure({"aois": {"aoi": {"bbox": BBOX, "granules": ["*.h5"]}}})
    (analysis.folder / "Snakefile").write_text(REGISTERED)
    done = analysis.snakemake("-s", f"{analysis.folder}/Snakefile", "--list-rules")
    assert done.returncode == 0, done.output
    return json.loads((analysis.folder / "products.json").read_text())


@pytest.fixture
def user(monkeypatch, tmp_path):
    """A user with a token; the environment is theirs alone."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path, session_tls().ca_pem).items():
        monkeypatch.setenv(name, value)
    login.token.cache_clear()
    transport._pool.cache_clear()
    yield
    login.token.cache_clear()
    transport._pool.cache_clear()


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> list[Path]:
    """Two granules of many blocks."""
    return write_scenes(tmp_path_factory.mktemp("scenes"), 2)


@pytest.fixture
def archive(scenes, monkeypatch):
    """An archive that holds them, trusted with the token."""
    with Archive(scenes[0].parent) as archive:
        monkeypatch.setenv("GCOV_TRUST_HOST", archive.host)
        yield archive


@pytest.fixture
def serve():
    """A function that starts a loopback server of a handler, with attributes for the handler; all end with the test."""
    with ExitStack() as running:

        def start(handler, tls=None, **attributes) -> LoopbackServer:
            server = LoopbackServer(handler, tls)
            vars(server).update(attributes)
            return running.enter_context(server)

        yield start


@pytest.fixture
def pauses(monkeypatch):
    """The pauses before new attempts, in seconds; nobody waits for them."""
    asked = []
    monkeypatch.setattr(transport, "time", SimpleNamespace(sleep=asked.append))
    return asked
