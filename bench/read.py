"""Reading one granule's window: bytes, requests and seconds beside the notebook's calls."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.archive import TOKEN
from servers.field import MOST_BYTES, MOST_REQUESTS

from bench import frames, measure
from bench.checkouts import HERE, Checkout, each, in_turn, least
from bench.server import NEAR, WAN, Link, Server
from bench.table import Row, at_least, at_most

ONE, TWO = ["HHHH"], ["HHHH", "HVHV"]
REPEATS = 3
LAYOUTS = (*frames.KINDS, frames.REPACKED)


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row on one granule."""
    path = frames.frame("paged", cache)
    with Server(path.parent) as server:
        case = Case(server, path, frames.area(), checkouts)
        for link, arrays, times in ((NEAR, ONE, 5), (WAN, ONE, 7), (NEAR, TWO, 7)):
            yield from walls(case, link, arrays, times)
    for kind in LAYOUTS:
        path = frames.frame(kind, cache)
        with Server(path.parent) as server:
            for access in ("https", "s3"):
                yield from whole_clip(Case(server, path, frames.area(), [HERE]), access, kind)


@dataclass(frozen=True)
class Case:
    """A granule behind a server, its window, and who reads it. What is read comes as (cost, what the server saw)."""

    server: Server
    path: Path
    bbox: list[float]
    checkouts: list[Checkout]

    def needed(self, arrays: list[str]) -> list[tuple[int, int]]:
        """Where the chunks lie that the window touches."""
        return measure.call("readers:chunks", str(self.path), arrays, self.bbox).value

    def ours(self, link: Link, access: str, arrays: list[str]) -> dict[str, tuple]:
        """Our reading, by checkout."""
        url = self.server.facts[access][self.path.stem]
        arguments = url, arrays, self.bbox, self.server.config(access)
        return self._quickest(link, self.checkouts, "readers:ours", *arguments)

    def with_noise(self, access: str, arrays: list[str]) -> tuple:
        """This commit's reading, the noise floor included."""
        url = self.server.facts[access][self.path.stem]
        arguments = url, arrays, self.bbox, self.server.config(access)
        return self._quickest(NEAR, [HERE], "readers:ours", *arguments, True)["after"]

    def notebook(self, link: Link, arrays: list[str]) -> tuple:
        """The notebook's reading."""
        url, facts = self.server.facts["s3"][self.path.stem], self.server.facts
        return self._quickest(link, [HERE], "notebook:one_granule", url, arrays, self.bbox, facts, TOKEN)["after"]

    def _quickest(self, link: Link, checkouts: list[Checkout], function: str, *arguments) -> dict[str, tuple]:
        def run(checkout):
            call = {"checkout": checkout, "env": self.server.env}
            return self.server.during(link, lambda: measure.call(function, *arguments, **call))

        return least(in_turn(checkouts, run, REPEATS), lambda taken: taken[0].wall)


def whole_clip(case: Case, access: str, kind: str) -> Iterator[Row]:
    """What a clip of one term asks of the server, noise floor included, beside the chunks alone."""
    arrays = [*ONE, "mask"]
    spans = case.needed(arrays)
    need = sum(stop - start for start, stop in spans)
    _, seen = case.with_noise(access, arrays)
    what = f"clip with noise floor, {kind}, {access}"
    reference = f"{len(spans)} chunks, {need / 1e6:.1f} MB"
    text = {"after": f"{seen['requests']} requests, {seen['bytes'] / 1e6:.1f} MB"}
    yield at_most(f"{what}: requests", MOST_REQUESTS, reference, text, seen["requests"])
    yield at_most(f"{what}: bytes fetched / bytes of the chunks", MOST_BYTES, reference, text, seen["bytes"] / need)


def walls(case: Case, link: Link, arrays: list[str], bound: float) -> Iterator[Row]:
    """Seconds beside the notebook."""
    theirs = case.notebook(link, arrays)
    what = f"{' + '.join(arrays)}, {link.name}"
    for access in ("s3", "https"):
        ours = case.ours(link, access, arrays)
        ratio = theirs[0].wall / ours["after"][0].wall
        row = f"one granule, wall, notebook / ours: {what}, {access}"
        yield at_least(row, bound, taken_text(theirs), each(ours, taken_text), ratio)


def taken_text(taken: tuple) -> str:
    """Seconds, requests and bytes of a reading."""
    cost, seen = taken
    return f"{cost.wall:.2f} s, {seen['requests']} requests, {seen['bytes'] / 1e6:.0f} MB"
