"""Put on PYTHONPATH, this makes every Python process leave a line about what it cost in the folder $BENCH_USAGE.

With $BENCH_CODECS set it also counts how often zarr's compressor was called to decode and to encode.
"""

import atexit
import json
import os
import resource
import sys
import time

BEGAN = time.time()
CALLS = {"decode": 0, "encode": 0}


def note() -> None:
    """CPU seconds, peak MB and wall seconds; rule, outputs and wildcards where the process is a job of Snakemake's."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    job = getattr(sys.modules.get("__main__"), "snakemake", None)
    line = {
        "rule": getattr(job, "rule", None),
        "output": [str(path) for path in getattr(job, "output", [])],
        "argv": sys.argv,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak(),
        "wall": time.time() - BEGAN,
        "codec": CALLS,
    }
    with open(os.path.join(os.environ["BENCH_USAGE"], f"{os.getpid()}-{time.time_ns()}.json"), "w") as file:
        json.dump(line, file)


def peak() -> float:
    """MB at the peak, of this program alone: ru_maxrss would remember what the process was before it was executed."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def count_codec_calls() -> None:
    """Wrap the compressor of the stores."""
    from zarr.codecs import BloscCodec

    def counted(kind):
        method = getattr(BloscCodec, f"_{kind}_single")

        async def wrapped(self, *arguments):
            CALLS[kind] += 1
            return await method(self, *arguments)

        setattr(BloscCodec, f"_{kind}_single", wrapped)

    counted("decode")
    counted("encode")


if "BENCH_USAGE" in os.environ:
    # what only tests and benchmarks install: xarray, pandas, rioxarray and rasterio would import it in every job
    sys.modules.update(dask=None, boto3=None, pyarrow=None, cftime=None)
    atexit.register(note)
    if "BENCH_CODECS" in os.environ:
        count_codec_calls()
