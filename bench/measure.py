"""Run a function in a process of its own and say what it cost; or a command, job by job."""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import REPO


@dataclass(frozen=True)
class Cost:
    """What a process cost: `wall` and `cpu` seconds of the function, `cpu_all` with start and imports, MB at the peak.

    `value` is what the function returned, or what a command printed.
    """

    wall: float
    cpu: float
    cpu_all: float
    peak: float
    value: object = None


def call(function: str, *arguments, env: dict | None = None) -> Cost:
    """The cost of "module:function" with arguments that JSON can carry; imports are not in `wall` and `cpu`."""
    whole = run(command(function, *arguments), cwd=REPO, env=env)
    inner = json.loads(whole.value.splitlines()[-1])
    return Cost(inner["wall"], inner["cpu"], whole.cpu_all, whole.peak, inner["value"])


def command(function: str, *arguments) -> list[str]:
    """The command that runs "module:function"."""
    return [sys.executable, "-m", "bench.measure", function, json.dumps(arguments)]


def run(command: list[str], *, cwd: Path | None = None, env: dict | None = None) -> Cost:
    """The cost of a command, which must succeed; of its peak only the largest single process counts."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:300]} failed:\n{output[-5000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - began, cpu, cpu, usage.ru_maxrss / 1024, output)


def cpu_now() -> float:
    """CPU seconds of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def best(costs: list[Cost]) -> Cost:
    """The quickest: on a shared machine everything else is noise on top of it."""
    return min(costs, key=lambda cost: cost.wall)


def main() -> None:
    """The child's side of `call`."""
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    arguments = json.loads(sys.argv[2])
    began, cpu = time.perf_counter(), cpu_now()
    value = function(*arguments)
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": cpu_now() - cpu, "value": value}))


if __name__ == "__main__":
    main()
