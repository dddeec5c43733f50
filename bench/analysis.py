"""An analysis folder of the workflow, run by Snakemake as a user runs it, and what each of its jobs cost."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench import REPO, frames, measure

USAGE = str(REPO / "bench" / "usage")
STACK = "results/aoi/stack.zarr"


@dataclass(frozen=True)
class Run:
    """The cost of a whole run (`whole.cpu`: Snakemake and its jobs) and of each job, as the jobs themselves saw it."""

    whole: measure.Cost
    jobs: list[dict]

    def of(self, rule: str, match: str = "") -> list[dict]:
        """The jobs of a rule, those with an output whose path contains `match`."""
        return [job for job in self.jobs if job["rule"] == rule and any(match in path for path in job["output"])]

    def cpu(self, rule: str, match: str = "") -> float:
        """CPU seconds of a rule's jobs."""
        return sum(job["cpu"] for job in self.of(rule, match))

    def peak(self, rule: str, match: str = "") -> float:
        """MB at the peak of the largest of a rule's jobs."""
        return max(job["peak"] for job in self.of(rule, match))

    @property
    def snakemake(self) -> dict:
        """Snakemake's own process."""
        return max((job for job in self.jobs if job["rule"] is None), key=lambda job: job["wall"])


def configure(folder: Path, granules: list[str], *, bbox: list[float], archive: dict | None = None, **other) -> None:
    """Write the configuration of one AOI named `aoi`."""
    aois = {"aoi": {"bbox": bbox, "granules": granules}}
    write_config(folder, {"aois": aois, "basemap": None, **({"archive": archive} if archive else {}), **other})


def write_config(folder: Path, config: dict) -> None:
    """Write a configuration."""
    path = folder / "config" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(folder: Path, *arguments: str, env: dict | None = None, count_codecs: bool = False) -> Run:
    """Run the workflow in a folder on two cores."""
    usage = folder / "usage"
    shutil.rmtree(usage, ignore_errors=True)
    usage.mkdir(parents=True)
    noted = {"PYTHONPATH": USAGE, "BENCH_USAGE": str(usage)} | ({"BENCH_CODECS": "1"} if count_codecs else {})
    command = [sys.executable, "-m", "snakemake", "-s", str(REPO / "Snakefile"), "-d", str(folder), "--cores", "2"]
    whole = measure.run([*command, *arguments], env=noted | (env or {}))
    return Run(whole, [json.loads(path.read_text()) for path in sorted(usage.glob("*.json"))])


def local_series(cache: Path, dates: int) -> tuple[Path, Run]:
    """A fresh folder with a series of local granules of the paged kind, and the run that made every product."""
    folder = cache / f"dates_{dates}"
    shutil.rmtree(folder, ignore_errors=True)
    granules = frames.series(frames.frame("paged", cache), cache / f"granules_{dates}", dates)
    configure(folder, [f"{granules[0].parent}/*.h5"], bbox=frames.bbox_of(frames.WINDOW))
    return folder, snakemake(folder)
