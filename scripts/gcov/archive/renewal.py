"""Access that may expire in mid-file (a signed URL or temporary credentials): obtained once, renewed when refused."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from gcov.archive.ranges import Piece, Refused
from gcov.archive.transport import Answer
from gcov.errors import GcovError

TRIES = 3  # access may expire twice during one request
REFUSALS = (400, 401, 403)  # S3 answers 400 to expired credentials

T = TypeVar("T")


class Renewed(Generic[T]):
    """Access shared by all threads until one of them is refused; the next call then obtains new access."""

    def __init__(self, obtain: Callable[[], T]):
        self._obtain = obtain
        self._lock = threading.Lock()
        self._access: T | None = None

    def get(self) -> T:
        """The current access, obtained if there is none."""
        with self._lock:
            if self._access is None:
                self._access = self._obtain()
            return self._access

    def drop(self, refused: T) -> None:
        """Discard access that was refused, unless another thread already has."""
        with self._lock:
            if self._access is refused:
                self._access = None


def read(name: str, access: Renewed[T], ask: Callable[[T], Answer], tries: int = TRIES) -> Piece:
    """The piece of a file that `ask` requests, with access renewed when it is refused.

    Raises Refused if renewing does not help, and GcovError, beginning with `name`, for any other answer.
    """
    for _ in range(tries):
        current = access.get()
        answer = ask(current)
        if answer.status == 206:
            size = int(answer.headers["Content-Range"].rpartition("/")[2])
            return Piece(answer.data, size, answer.headers.get("ETag"))
        if answer.status == 416:
            return Piece(b"", 0, None)
        if answer.status not in REFUSALS:
            raise GcovError(f"{name}: {explain(answer)}")
        access.drop(current)
    raise refusal(answer)


def refusal(answer: Answer) -> Refused:
    """The Refused exception for an answer with a status in REFUSALS."""
    return Refused(f"it answered {answer.status} {answer.code}".rstrip())


def explain(answer: Answer) -> str:
    """The text that explains an unexpected answer to the user."""
    if answer.code == "NoSuchBucket":
        return "there is no such bucket (404)"
    if answer.status == 200 and "html" in answer.headers.get("Content-Type", ""):
        return "the server answered with a page for people instead of data: open the address in a browser"
    known = {
        404: "there is no such granule (404): it may have been withdrawn; look again with `-R search`",
        200: "the server ignores range requests: download the file and name it under `granules:`",
    }
    return known.get(answer.status, f"the server answered {answer.status} {answer.code}".rstrip())
