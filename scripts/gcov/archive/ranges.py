"""A remote file for HDF5, read by byte ranges: metadata in blocks, and concurrently all that is known to be needed.

For an area of 57 x 38 km it fetches 1.1 times the needed bytes, in 10 requests. fsspec's caches fetch 2.3 to 7.4 times
the needed bytes, sequentially, which takes 3 to 8 times as long (docs/performance.md).
"""

import gc
import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from gcov.errors import GcovError

BLOCK = 1 << 18  # bytes; metadata lies in clusters of about this size, in few or many places of the file
CONNECTIONS = 16  # per host and job
LONGEST = 12 << 20  # bytes; a fault in a longer request would cost too much, and other connections would be idle
GAP = 3 << 18  # bytes; nearer ranges are joined: at 80 MB/s a gap takes 10 ms, a round trip 30 ms or more


class Refused(Exception):
    """The server refuses access; the text is its answer, without secrets."""


@dataclass(frozen=True)
class Piece:
    """Some bytes of a remote file, with its size and ETag, which reveal if the file is replaced."""

    data: bytes
    size: int  # of the whole file
    etag: str | None


class Source(Protocol):
    """The source of a RangeFile."""

    name: str  # for messages

    def read(self, start: int, stop: int) -> Piece:
        """The bytes [start, stop), or those up to the end of the file.

        A piece without bytes and with size 0 means that the file ends before `start`. Expired access is renewed.
        Raises Refused if the server refuses access, and GcovError for other failures.
        """


class RangeFile(io.RawIOBase):
    """A read-only file object over ranges of a remote file.

    Prefetched ranges are read from memory. Everything else is read in aligned blocks of 256 KiB, which are kept.
    A range that was not prefetched is slower, but works. The constructor reads the first two blocks, where much of the
    metadata is, and raises Refused if the server refuses access. Later reads raise GcovError on failure, including when
    the file has changed.
    """

    def __init__(self, source: Source):
        self.source = source
        self.received: list[int] = []  # bytes in each answer
        self._position = 0
        first = source.read(0, 2 * BLOCK)
        if not first.size:
            raise GcovError(f"{source.name}: the file is empty")
        self.size = first.size
        self._etag = first.etag
        self.received.append(len(first.data))
        self._blocks = {number: part for number in (0, 1) if (part := first.data[number * BLOCK :][:BLOCK])}
        self._ahead: list[tuple[int, bytes]] = []  # (start, bytes)

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
        """Fill the buffer from the current position; fewer bytes only at the end of the file."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._position < self.size:
            piece = self._known(self._position, len(view) - done)
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def _known(self, start: int, length: int) -> memoryview:
        """At least one byte from `start` on, from memory if held, otherwise from a block that is fetched now."""
        for begin, data in self._ahead:
            if begin <= start < begin + len(data):
                return memoryview(data)[start - begin : start - begin + length]
        number = start // BLOCK
        if number not in self._blocks:
            with _no_collection():
                self._blocks[number] = self._get(number * BLOCK, min((number + 1) * BLOCK, self.size))
        within = start - number * BLOCK
        return memoryview(self._blocks[number])[within : within + length]

    def keep(self, ranges: list[tuple[int, int]]) -> None:
        """Free the memory of what was prefetched outside of these ranges (start, stop)."""
        self._ahead = [piece for piece in self._ahead if any(_holds(piece, span) for span in self._inside(ranges))]

    def prefetch(self, ranges: list[tuple[int, int]]) -> None:
        """Fetch ranges (start, stop) concurrently, with near ones joined; ranges already held are kept."""
        self.keep(ranges)
        wanted = self.missing(ranges)
        failed = threading.Event()

        def get(span: tuple[int, int]) -> bytes:
            if failed.is_set():
                return b""  # not used: the error of an earlier range is raised below
            try:
                return self._get(*span)
            except GcovError:
                failed.set()
                raise

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            data = threads.map(get, wanted)
            self._ahead += [(start, piece) for (start, _), piece in zip(wanted, data)]

    def missing(self, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The requests (start, stop) needed for those of the ranges that are not held."""
        return merged([span for span in self._inside(ranges) if not self._has(span)])

    def _inside(self, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(start, min(stop, self.size)) for start, stop in ranges if start < self.size]

    def _has(self, span: tuple[int, int]) -> bool:
        blocks = range(span[0] // BLOCK, -(-span[1] // BLOCK))
        return all(number in self._blocks for number in blocks) or any(_holds(piece, span) for piece in self._ahead)

    def _get(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop). Raises GcovError if the file is not the one that was opened."""
        try:
            piece = self.source.read(start, stop)
        except Refused as refused:
            raise GcovError(f"{self.source.name}: refused in mid-file ({refused}): run again") from None
        if (piece.size, piece.etag) != (self.size, self._etag):
            raise GcovError(f"{self.source.name} changed in the archive while it was read: run again")
        self.received.append(len(piece.data))
        return piece.data


@contextmanager
def _no_collection() -> Iterator[None]:
    """Postpone garbage collection, as h5py's documentation on Python file-like objects advises.

    HDF5 holds h5py's lock while it waits for bytes. s3fs fetches them in another thread, which would wait for that lock
    forever if it collected an h5py object (https://github.com/h5py/h5py/issues/2019).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _holds(piece: tuple[int, bytes], span: tuple[int, int]) -> bool:
    return piece[0] <= span[0] and span[1] <= piece[0] + len(piece[1])


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges (start, stop), joined if their gap is at most GAP and the result is at most LONGEST."""
    joined: list[list[int]] = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] <= GAP and stop - joined[-1][0] <= LONGEST:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return [(start, stop) for start, stop in joined]
