"""The last lines of a run: what was made, how many warnings there are and in which logs, which page to open."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from gcov.granules import names_by_day
from gcov.words import number_of, some_of

WARNING = re.compile(r"^\d\d:\d\d:\d\d WARNING ", re.MULTILINE)  # as `log.job_log` writes it
MOST = 5  # logs that are named
PAGES = ("index.html", "explore.html")  # the first that was made is the one to open


def last_lines(made: Mapping[str, Sequence[str]], logs: Collection[str], folder: str) -> Iterator[str]:
    """Sentences on a run that has ended; none if it has made nothing.

    `made` are the results by AOI, those of all AOIs under "". Paths are relative to the working directory, `folder`
    as the user names it (`snakemake -d`), and are written as the user would.
    """
    for aoi, results in made.items():
        if aoi:
            days = list(names_by_day(f"results/{aoi}/granules"))
            ends = [f"{day[:4]}-{day[4:6]}-{day[6:8]}" for day in dict.fromkeys((days[0], days[-1]))] if days else []
            dates = f"; it has {number_of(len(days), 'date')}, {' to '.join(ends)}" if days else ""
            yield f"{aoi}: made {number_of(len(results), 'result')}{dates}"
    warnings = {path: number for path in logs if (number := _warnings(path))}
    if warnings:
        named = some_of([os.path.normpath(os.path.join(folder, path)) for path in warnings], MOST)
        yield f"{number_of(sum(warnings.values()), 'warning')}, in {named}"
    everything = [path for results in made.values() for path in results]
    pages = [path for name in PAGES for path in everything if path.endswith(f"/{name}")]
    if pages:
        yield f"Open {os.path.normpath(os.path.join(folder, pages[0]))}"


def _warnings(path: str) -> int:
    """The number of warnings in a log; 0 if it is not there, as on a cluster without a shared disk."""
    log = Path(path)
    return len(WARNING.findall(log.read_text(encoding="utf-8", errors="replace"))) if log.is_file() else 0
