"""Logging of a job: the same lines to its log file and to the terminal; a clear last line when it fails."""

import logging
import sys
from contextlib import contextmanager

from gcov.errors import GcovError

log = logging.getLogger("gcov")


@contextmanager
def job_log(path: str, subject: str):
    """Log to `path` and stderr; end the process with status 1 and one message on an error.

    Of what the user cannot mend by the message alone the file keeps the traceback.

    `subject` (an AOI, and a granule or term) opens every message, so that parallel jobs can be told apart.
    """
    form = logging.Formatter(f"%(asctime)s %(levelname)s [{subject}] %(message)s", datefmt="%H:%M:%S")
    file, terminal = logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)
    for handler in (file, terminal):
        handler.setFormatter(form)
    terminal.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk takes no log: the terminal says it
    logging.basicConfig(level=logging.WARNING, handlers=[file, terminal])
    logging.captureWarnings(True)
    log.setLevel(logging.DEBUG)
    one_thread()
    try:
        yield
    except GcovError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:  # a disk, a file, a permission
            log.error("%s", f"{error.strerror}: {error.filename}" if error.filename else error.strerror)
        else:
            log.error("unexpected error, please report it with %s: %s: %s", path, type(error).__name__, error)
        log.debug("where it happened:", exc_info=True)  # in the file only
        sys.exit(1)


def one_thread() -> None:
    """Keep zarr, where a job uses it, to one thread: jobs are the unit of parallelism, and threads keep memory."""
    if zarr := sys.modules.get("zarr"):
        zarr.config.set({"threading.max_workers": 1})
