"""A remote file for HDF5: read by ranges, in blocks for metadata and all at once for the chunks known to be needed.

Of an area of 57 x 38 km it fetches 1.1 times the bytes needed in 9 requests; fsspec's caches fetch 2.3 to 7.4 times
them one after the other, which takes 3 to 8 times as long (docs/performance.md).
"""

import io
import os
import re
from concurrent.futures import ThreadPoolExecutor

from gcov.archive import transport
from gcov.errors import GcovError

BLOCK = 1 << 19  # what a paged granule says of itself lies in two of them
GAP = 3 << 18  # nearer ranges are one request: at 80 MB/s the gap flows in 10 ms, a round trip takes 30 or more


class Refused(Exception):
    """The server does not let us read: the text says what it answered, without secrets."""


class RangeFile(io.RawIOBase):
    """A read-only file object over HTTP ranges.

    What `prefetch` was told of is read from memory; everything else in aligned blocks of 512 KiB that are kept, so that
    what was not foreseen is a slower read and never an error. `source` gives the (signed) address and renews it.
    The constructor reads the first block and raises Refused if the server refuses; with `probe` it is quick to do so,
    and quick to raise Unanswered. Later reads raise GcovError.
    """

    def __init__(self, source, *, probe: bool = False):
        self.source = source
        self.received: list[int] = []  # bytes of each answer
        self._position = 0
        self._identity = None
        self._blocks: dict[int, bytes] = {}
        self._ahead: list[tuple[int, bytes]] = []  # (start, bytes)
        self._blocks[0] = self._ask(0, BLOCK, *((1, 3) if probe else (3, None)))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer) -> int:
        """Fill the buffer from the position on; fewer bytes only at the end of the file."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._position < self.size:
            piece = self._known(self._position, len(view) - done)
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def _known(self, start: int, length: int) -> memoryview:
        """Some bytes from `start` on, at least one: from memory, else from a block that is fetched now."""
        for begin, data in self._ahead:
            if begin <= start < begin + len(data):
                return memoryview(data)[start - begin : start - begin + length]
        number = start // BLOCK
        if number not in self._blocks:
            self._blocks[number] = self._get(number * BLOCK, min((number + 1) * BLOCK, self.size))
        within = start - number * BLOCK
        return memoryview(self._blocks[number])[within : within + length]

    def prefetch(self, ranges: list[tuple[int, int]]) -> None:
        """Fetch ranges (start, stop) all at once, near ones together; what is held of them already stays."""
        inside = [(start, min(stop, self.size)) for start, stop in ranges if start < self.size]
        self._ahead = [piece for piece in self._ahead if any(_holds(piece, span) for span in inside)]
        wanted = merged([span for span in inside if not self._has(span)])
        with ThreadPoolExecutor(transport.CONNECTIONS) as threads:
            data = threads.map(lambda span: self._get(*span), wanted)
            self._ahead += [(start, piece) for (start, _), piece in zip(wanted, data)]

    def _has(self, span: tuple[int, int]) -> bool:
        blocks = range(span[0] // BLOCK, -(-span[1] // BLOCK))
        return all(number in self._blocks for number in blocks) or any(_holds(piece, span) for piece in self._ahead)

    def _get(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop) of a file that could be read until now."""
        try:
            return self._ask(start, stop)
        except Refused as refused:
            raise GcovError(f"{self.source.name}: refused in mid-file ({refused}): run again") from None

    def _ask(self, start: int, stop: int, tries: int = 3, attempts: int | None = None) -> bytes:
        """The bytes [start, stop); where they are refused, again with a new address or new credentials."""
        for _ in range(tries):
            url, headers, ticket = self.source.target()
            answer = transport.request("GET", url, headers, span=(start, stop), attempts=attempts)
            self.received.append(len(answer.data))
            if answer.status == 206:
                self._check_identity(answer)
                return answer.data
            if answer.status == 416 and self._identity:
                raise self._changed()
            if answer.status not in (400, 401, 403):
                raise GcovError(f"{self.source.name}: {explain(answer.status)}")
            self.source.renew(ticket)
        code = re.search(rb"<Code>(\w+)</Code>", answer.data)  # S3's word for it
        raise Refused(f"it answered {answer.status}{' ' + code[1].decode() if code else ''}")

    def _check_identity(self, answer: transport.Answer) -> None:
        """Learn the file's size from the first answer; refuse a file that changes while it is read."""
        identity = answer.headers["Content-Range"].rpartition("/")[2], answer.headers.get("ETag")
        if self._identity is None:
            self._identity = identity
            self.size = int(identity[0])
        elif identity != self._identity:
            raise self._changed()

    def _changed(self) -> GcovError:
        return GcovError(f"{self.source.name} changed in the archive while it was read: run again")


def _holds(piece: tuple[int, bytes], span: tuple[int, int]) -> bool:
    return piece[0] <= span[0] and span[1] <= piece[0] + len(piece[1])


def explain(status: int) -> str:
    """What an unexpected status means for the user."""
    known = {
        404: "there is no such granule (404): it may have been withdrawn; look again with `-R search`",
        416: "the file is empty (416)",
        200: "the server ignores range requests: download the file and name it under `granules:`",
    }
    return known.get(status, f"the server answered {status}")


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges (start, stop) in order, those nearer than GAP joined."""
    joined: list[list[int]] = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] <= GAP:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return [(start, stop) for start, stop in joined]
