"""Damaged stores are reported and rebuilt; products carry provenance; the workflow as a module of another."""

import json
import shutil
from pathlib import Path

import interruptions
import pytest
import yaml
import zarr
from conftest import Analysis
from helpers import BBOX, REPO
from PIL import Image
from verify import verify

from gcov import store
from gcov.errors import GcovError


@pytest.fixture(scope="module")
def finished(newest, tmp_path_factory) -> Path:
    """The folder of a finished run."""
    folder = interruptions.prepare(tmp_path_factory.mktemp("finished") / "run", newest, BBOX)
    status, output = interruptions.run(folder)
    assert status == 0, output
    return folder


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def test_damage_is_named_and_remade(finished, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    analysis = Analysis(finished)
    assert "good" in analysis.run("verify")
    results = analysis.folder / "results" / "one"
    flip_a_byte(results / "stack.zarr/HHHH/c/1/0/0")
    (results / "stack_db.zarr/HHHH/c/2/0/0").unlink()
    fragment = sorted(results.glob("fragments/*.zarr"))[3]
    shutil.rmtree(fragment / "mask")
    output = analysis.snakemake("verify").output
    for bad in ("results/one/stack.zarr", "results/one/stack_db.zarr", f"results/one/fragments/{fragment.name}"):
        assert f"  {bad}.damaged: " in output
        assert not (analysis.folder / bad).exists()
        shutil.rmtree(analysis.folder / f"{bad}.damaged")
    assert len(list(results.glob("fragments/*.zarr"))) == 3
    output = analysis.run()
    assert output.count("rule clip:") == 1
    assert interruptions.differences(tmp_path, finished) == []


def test_trouble_of_the_machine_is_no_damage(finished, monkeypatch):
    """A single I/O error must not remove a store."""
    stack = finished / "results" / "one" / "stack.zarr"
    assert store.damage(stack) is None
    for error in (OSError(5, "Input/output error"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(store, "open_stack", lambda _, error=error: (_ for _ in ()).throw(error))
            with pytest.raises(type(error)):
                store.damage(stack)
            with pytest.raises(GcovError, match=r"not touched:\n"):
                verify(results=finished / "results")
            assert stack.exists()


def test_products_say_where_they_come_from(finished):
    results = finished / "results" / "one"
    names = sorted(path.stem for path in (results / "granules").glob("*.json"))
    stack = zarr.open_group(results / "stack.zarr", mode="r")
    assert [record["name"] for record in json.loads(stack.attrs["granule_records"])] == names
    assert stack.attrs["aoi_bbox"] == BBOX
    for picture in ("HHHH/histogram_db.png", "HHHH/histogram_power.png", "HHHH/mean_series.png", "location.png"):
        with Image.open(results / picture) as image:
            assert image.text["Granules"].split() == names
            assert "zarr" in image.text["Software"]
    with Image.open(results / "HHHH/mean_series.png") as image:
        assert json.loads(image.text["Settings"])["valid_samples_only"] is True
    with Image.open(results / "HHHH/animation.gif") as image:
        assert json.loads(image.info["comment"])["Granules"].split() == names


def test_two_runs_give_identical_bytes(finished, newest, tmp_path):
    other = interruptions.prepare(tmp_path / "run", newest, BBOX)
    assert interruptions.run(other)[0] == 0
    assert interruptions.differences(finished, other) == []


def test_as_a_module_in_another_workflow(finished, analysis):
    shutil.copytree(finished / "data", analysis.folder / "data")
    own = yaml.safe_load((finished / "config/config.yaml").read_text())
    analysis.configure({"gcov": own, "code": "026"})
    (analysis.folder / "Snakefile").write_text(
        'configfile: "config/config.yaml"\n'
        f'module gcov:\n    snakefile: "{REPO}/Snakefile"\n    config: config["gcov"]\n    prefix: "sar"\n'
        "use rule * from gcov as gcov_*\n"
        'rule mine:\n    default_target: True\n    input: "sar/results/one/HHHH/mean_series.csv"\n'
    )
    analysis.run("-s", str(analysis.folder / "Snakefile"))
    wanted = (finished / "results/one/HHHH/mean_series.csv").read_text()
    assert (analysis.folder / "sar/results/one/HHHH/mean_series.csv").read_text() == wanted
