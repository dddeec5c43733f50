"""Reading one granule's window: bytes, requests and seconds beside the notebook's calls and the limit."""

from collections.abc import Iterator
from pathlib import Path

from servers.archive import TOKEN

from bench import frames, measure
from bench.server import NEAR, WAN, Link, Server
from bench.table import Row, at_least, at_most, note

ONE, TWO = ["HHHH"], ["HHHH", "HVHV"]
REPEATS = 3


def rows(cache: Path) -> Iterator[Row]:
    """Every row on one granule."""
    bbox = frames.bbox_of(frames.WINDOW)
    for kind, bound in (("paged", 1.15), ("not paged", 1.6)):
        path = frames.frame(kind, cache)
        with Server(path.parent) as server:
            yield from bytes_and_requests(server, path, bbox, kind, bound)
            if kind == "paged":
                yield from walls(server, path, bbox)


def bytes_and_requests(server: Server, path: Path, bbox: list[float], kind: str, bound: float) -> Iterator[Row]:
    """What is asked of the server for one, two and three arrays."""
    requests = {}
    for access in ("https", "s3"):
        for arrays in (ONE, [*ONE, "mask"], [*TWO, "mask"]):
            need = sum(stop - start for start, stop in needed(path, arrays, bbox))
            _, seen = ours(server, NEAR, path, access, arrays, bbox)
            requests[access, len(arrays)] = seen
            what = f"{kind}, {' + '.join(arrays)}, {access}"
            fetched = seen["bytes"]
            texts = f"{need / 1e6:.1f} MB", f"{fetched / 1e6:.1f} MB"
            yield at_most(f"bytes fetched / bytes of the chunks: {what}", bound, *texts, fetched / need)
        counts = [requests[access, n]["requests"] for n in (1, 2, 3)]
        apart = f"and {requests[access, 1]['other']} for token, redirect"
        for arrays, count, before in zip(("HHHH", "HHHH + mask", "HHHH + HVHV + mask"), counts, (0, *counts)):
            what = f"requests: {kind}, {arrays}, {access}"
            text = f"{count - before} more" if before else apart
            bound_here = 12 + 8 * arrays.count("+")
            yield at_most(what, bound_here, "", text, count)


def walls(server: Server, path: Path, bbox: list[float]) -> Iterator[Row]:
    """Seconds beside the notebook and the limit."""
    for link, arrays, bound in ((NEAR, ONE, 5), (WAN, ONE, 7), (NEAR, TWO, 7)):
        cost, seen = notebook(server, link, path, arrays, bbox)
        what = f"{' + '.join(arrays)}, {link.name}"
        theirs = f"{cost.wall:.2f} s, {seen['requests']} requests, {seen['bytes'] / 1e6:.0f} MB"
        for access in ("s3", "https"):
            mine, counted = ours(server, link, path, access, arrays, bbox)
            text = f"{mine.wall:.2f} s, {counted['requests']} requests, {counted['bytes'] / 1e6:.0f} MB"
            yield at_least(
                f"one granule, wall, notebook / ours: {what}, {access}", bound, theirs, text, cost.wall / mine.wall
            )
            yield note(
                "... CPU of reader, of server",
                f"{cost.cpu:.2f}, {seen['cpu']:.2f} s",
                f"{mine.cpu:.2f}, {counted['cpu']:.2f} s",
            )
        if arrays == ONE:
            least = best_of(
                server,
                link,
                "bench.readers:limit",
                server.facts["cdn"][path.stem],
                str(path),
                needed(path, arrays, bbox),
                arrays,
                bbox,
            )[0]
            what = f"ours / the limit: {what}, https"
            texts, ratio = (f"{least.wall:.2f} s", f"{mine.wall:.2f} s"), mine.wall / least.wall
            yield at_most(what, 2, *texts, ratio) if link is NEAR else note(what, *texts, f"{ratio:.3g}")


def needed(path: Path, arrays: list[str], bbox: list[float]) -> list[tuple[int, int]]:
    """Where the chunks lie that the window touches."""
    return measure.call("bench.readers:chunks", str(path), arrays, bbox).value


def ours(server: Server, link: Link, path: Path, access: str, arrays: list[str], bbox: list[float]):
    """Cost and requests of our reading."""
    url = server.facts[access][path.stem]
    return best_of(server, link, "bench.readers:ours", url, arrays, bbox, server.config(access))


def notebook(server: Server, link: Link, path: Path, arrays: list[str], bbox: list[float]):
    """Cost and requests of the notebook's reading."""
    url = server.facts["s3"][path.stem]
    return best_of(server, link, "bench.notebook:one_granule", url, arrays, bbox, server.facts, TOKEN)


def best_of(server: Server, link: Link, function: str, *arguments):
    """The quickest of a few runs, each in a process of its own, and what the server counted in it."""
    runs = []
    for _ in range(REPEATS):
        server.ask(link)
        runs.append((measure.call(function, *arguments, env=server.env), server.ask()))
    return min(runs, key=lambda run: run[0].wall)
