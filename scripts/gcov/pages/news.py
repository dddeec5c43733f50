"""What is new since the run before: dates, patches, and patches that further dates have confirmed.

A file beside index.html remembers what the last two runs found that differ, so that a page that is made again with
nothing new says the same.
"""

import itertools
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcov.files import read_json, write_text
from gcov.words import some_of

MOST = 5  # dates or patches named
# By AOI: `dates`, the granules of each date by its time, and `patches`, the words and `confirmed` of each by its name.
Found = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Memory:
    """What a run found, and what was found `before` that."""

    before: Found
    now: Found

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """The memory of an earlier run; empty if there is none. Raises GcovError if it is damaged."""
        return cls(**read_json(path)) if path.exists() else cls({}, {})

    def write(self, path: Path) -> None:
        """Write it, an AOI a line."""
        parts = [
            f'"{name}": {{\n' + ",\n".join(f"{json.dumps(aoi)}: {json.dumps(of[aoi])}" for aoi in of) + "\n}"
            for name, of in (("before", self.before), ("now", self.now))
        ]
        write_text(path, "{" + ",\n".join(parts) + "}\n")

    def renewed(self, found: Found) -> "Memory":
        """The memory of a run that finds this; the same if it has found nothing else than the run before."""
        return self if found == self.now else Memory(self.now, found)

    def has_granules(self, aoi: str, names: list[str]) -> bool:
        """Whether these, sorted, are the granules that were found in an AOI."""
        return aoi in self.now and sorted(" ".join(self.now[aoi]["dates"].values()).split()) == names

    def news(self, aoi: str) -> list[str]:
        """What is new in an AOI, in sentences."""
        now, before = self.now[aoi], self.before.get(aoi)
        if before is None:
            found = [_counted("date", now["dates"])] if now["dates"] else []
            # one clearing is in the table of the history, and in that of each term and change
            for of, names in itertools.groupby(sorted(now["patches"], key=_table), _table):
                found.append(_counted("patch", list(names)) + (f" ({of})" if of else ""))
            return [f"first run: {', '.join(found)}"]
        return list(_differences(before, now)) or ["nothing new"]


def _table(patch: str) -> str:
    """Term and name of the change whose table lists a patch; empty for the history."""
    return patch.rpartition(" ")[0]


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """A sentence for each kind of difference."""
    patches, known = now["patches"], before["patches"]
    dates, old = now["dates"], before["dates"]
    for words, times in (
        ("new date", [time for time in dates if time not in old]),
        ("date with another release", [time for time in dates if time in old and dates[time] != old[time]]),
        ("date no longer used", [time for time in old if time not in dates]),
    ):
        if times:
            yield f"{_counted(words, times)}: {some_of([time[:10] for time in times], MOST)}"
    new = [name for name in patches if name not in known]
    old_ones = {name: of for name, of in patches.items() if name in known}
    confirmed = [name for name, of in old_ones.items() if of["confirmed"] and not known[name]["confirmed"]]
    for words, names in (("new patch", new), ("newly confirmed patch", confirmed)):
        if names:
            described = [f"{name} ({patches[name]['words']})" for name in names]
            yield f"{_counted(words, names)}: {some_of(described, MOST)}"
    if gone := [name for name in known if name not in patches]:
        yield f"{_counted('patch', gone)} no longer found"


def _counted(words: str, names: Collection[str]) -> str:
    """1 new date, 2 new dates, 3 new patches."""
    several = words.replace("date", "dates").replace("patch", "patches")
    return f"{len(names):,} {words if len(names) == 1 else several}"
