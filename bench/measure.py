"""Run a function in a process of its own and say what it cost; or a command, job by job."""

import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.checkouts import HERE, Checkout


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


def call(function: str, *arguments, checkout: Checkout = HERE, env: dict | None = None) -> Cost:
    """The cost of "module:function" of a suite with arguments that JSON can carry; `wall` and `cpu` without imports."""
    imports = {"PYTHONPATH": checkout.pythonpath}
    whole = run(command(function, *arguments), cwd=checkout.root, env=imports | (env or {}))
    inner = json.loads(whole.value.splitlines()[-1])
    return Cost(inner["wall"], inner["cpu"], whole.cpu_all, whole.peak, inner["value"])


def command(function: str, *arguments) -> list[str]:
    """The command that runs "module:function" of the suite of the checkout in which it is started."""
    return [sys.executable, "-m", "bench.measure", f"bench.{function}", json.dumps(arguments)]


def run(command: list[str], *, cwd: Path | None = None, env: dict | None = None) -> Cost:
    """The cost of a command and all its children, which must succeed; as the peak only the largest process counts."""
    environment = os.environ | (env or {})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each job would compile the libraries anew
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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


def main() -> None:
    """The child's side of `call`."""
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    gc.enable()  # as in a job: gcov.log leaves it off while modules are imported
    arguments = json.loads(sys.argv[2])
    began, cpu = time.perf_counter(), cpu_now()
    value = function(*arguments)
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": cpu_now() - cpu, "value": value}))


if __name__ == "__main__":
    main()
