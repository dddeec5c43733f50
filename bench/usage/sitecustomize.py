"""Put on PYTHONPATH, this makes every Python process leave a line about what it cost in the folder $BENCH_USAGE."""

import atexit
import json
import os
import pkgutil
import resource
import sys
import time

BEGAN = time.time()


def note() -> None:
    """CPU seconds, peak MB and wall seconds; the rule where the process is a job of Snakemake's."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    job = getattr(sys.modules.get("__main__"), "snakemake", None)
    line = {
        "rule": getattr(job, "rule", None),
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak(),
        "wall": time.time() - BEGAN,
    }
    with open(os.path.join(os.environ["BENCH_USAGE"], f"{os.getpid()}-{time.time_ns()}.json"), "w") as file:
        json.dump(line, file)


def peak() -> float:
    """MB at the peak, of this program alone: ru_maxrss would remember what the process was before it was executed."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


if "BENCH_USAGE" in os.environ:
    # what only tests and benchmarks install: xarray, pandas, rioxarray and rasterio would import it in every job
    sys.modules.update(dask=None, boto3=None, pyarrow=None, cftime=None)
    listed = pkgutil.iter_modules  # by which Snakemake finds its plugins; that for storage imports boto3
    pkgutil.iter_modules = lambda *path, **prefix: (
        one for one in listed(*path, **prefix) if one.name != "snakemake_storage_plugin_s3"
    )
    atexit.register(note)
