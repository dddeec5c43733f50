"""Logging of a job: the same lines to its log file and to the terminal; a clear last line when it fails."""

import logging
import sys
from contextlib import contextmanager

from gcov.errors import GcovError

log = logging.getLogger("gcov")


@contextmanager
def job_log(path: str, subject: str):
    """Log to `path` and stderr; end the process with status 1 and one message on an error the user can mend.

    `subject` (an AOI, and a granule or term) opens every message, so that parallel jobs can be told apart.
    """
    form = logging.Formatter(f"%(asctime)s %(levelname)s [{subject}] %(message)s", datefmt="%H:%M:%S")
    handlers = [logging.FileHandler(path, mode="w"), logging.StreamHandler(sys.stderr)]
    for handler in handlers:
        handler.setFormatter(form)
    logging.basicConfig(level=logging.WARNING, handlers=handlers)
    logging.captureWarnings(True)
    log.setLevel(logging.INFO)
    try:
        yield
    except GcovError as error:
        log.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        log.error("%s: %s", error.strerror or error, error.filename or "")
        log.debug("", exc_info=True)
        sys.exit(1)
