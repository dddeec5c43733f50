"""An analysis folder of the workflow, run by Snakemake as a user runs it, and what each of its jobs cost."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench import REPO, measure
from bench.checkouts import HERE, Checkout

USAGE = str(REPO / "bench" / "usage")
STACK = "results/aoi/stack.zarr"


@dataclass(frozen=True)
class Run:
    """The cost of a whole run (`whole.cpu`: Snakemake and its jobs) and of each job, as the jobs themselves saw it."""

    whole: measure.Cost
    jobs: list[dict]

    def of(self, rule: str) -> list[dict]:
        """The jobs of a rule."""
        return [job for job in self.jobs if job["rule"] == rule]

    def cpu(self, rule: str) -> float:
        """CPU seconds of a rule's jobs."""
        return sum(job["cpu"] for job in self.of(rule))

    def peak(self, rule: str) -> float:
        """MB at the peak of the largest of a rule's jobs."""
        return max(job["peak"] for job in self.of(rule))

    @property
    def rule_jobs(self) -> list[dict]:
        """All jobs: every process but Snakemake's own."""
        return [job for job in self.jobs if job["rule"]]

    @property
    def snakemake(self) -> dict:
        """Snakemake's own process."""
        return max((job for job in self.jobs if job["rule"] is None), key=lambda job: job["wall"])


def configure(folder: Path, granules: list[str], *, bbox: list[float], archive: dict | None = None) -> None:
    """Write the configuration of one AOI named `aoi`."""
    aois = {"aoi": {"bbox": bbox, "granules": granules}}
    write_config(folder, {"aois": aois, "basemap": None, **({"archive": archive} if archive else {})})


def write_config(folder: Path, config: dict) -> None:
    """Write a configuration."""
    path = folder / "config" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(folder: Path, *arguments: str, checkout: Checkout = HERE, env: dict | None = None) -> Run:
    """Run a checkout's workflow in a folder."""
    usage = folder / "usage"
    shutil.rmtree(usage, ignore_errors=True)
    usage.mkdir(parents=True)
    noted = {"PYTHONPATH": os.pathsep.join([USAGE, checkout.pythonpath]), "BENCH_USAGE": str(usage)}
    command = [sys.executable, "-m", "snakemake", "-s", str(checkout.root / "Snakefile"), "-d", str(folder)]
    whole = measure.run([*command, "--cores", "2", *arguments], env=noted | (env or {}))
    return Run(whole, [json.loads(path.read_text()) for path in sorted(usage.glob("*.json"))])


def fresh(folder: Path, *arguments: str, **options) -> Run:
    """Run the workflow in a folder from nothing but its configuration."""
    for name in ("results", ".snakemake", "logs", "benchmarks"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return snakemake(folder, *arguments, **options)
