"""Run `snakemake` over and over without importing it each time, which takes 2 s: this process forks for each run.

Each line of stdin is a run, as JSON: arguments, environment, and a file for all that it prints. Its exit status is
printed when it has ended.
"""

import json
import os
import signal
import sys

from snakemake.cli import main

LONGEST = 300  # seconds; a test that hangs fails


def run(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """What `python -m snakemake` does; never returns."""
    signal.alarm(LONGEST)
    os.environ.clear()
    os.environ.update(environment)
    for source, targets in ((os.open(os.devnull, os.O_RDONLY), [0]), (os.open(output, os.O_WRONLY), [1, 2])):
        for target in targets:
            os.dup2(source, target)
    sys.argv = ["snakemake", *arguments]
    main()


if __name__ == "__main__":
    sys.path[0] = ""
    for line in sys.stdin:
        if not (process := os.fork()):
            run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
