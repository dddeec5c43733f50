"""Job logging: all lines go to the log file, warnings and errors to the terminal too; a failure ends in one message.

Scripts import this before anything else, because PROJ_DATA is read when rasterio is imported, and because looking for
garbage among the modules that follow would take a sixth of the time to import them.
"""

import ctypes
import gc
import logging
import os
import sys
from contextlib import contextmanager, suppress

from gcov.errors import GcovError

log = logging.getLogger("gcov")
ON_TERMINAL = {"on_terminal": True}  # `extra` of an INFO line that is for the terminal, too
ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
gc.disable()  # until the job begins
for _name in ("PROJ_DATA", "PROJ_LIB"):
    os.environ.pop(_name, None)  # of another PROJ than the libraries' own, which would then know no CRS


@contextmanager
def job_log(path: str, subject: str):
    """Log to `path`, and from WARNING on to stderr; on an error, end the process with status 1 and one message.

    For errors other than GcovError, the log file also keeps the traceback. `subject` (an AOI, and a granule or term)
    begins every message, so that parallel jobs can be told apart.
    """
    gc.freeze()  # what is imported stays
    gc.enable()
    form = logging.Formatter(f"%(asctime)s %(levelname)s [{subject}] %(message)s", datefmt="%H:%M:%S")
    file, terminal = logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)
    for handler in (file, terminal):
        handler.setFormatter(form)
    terminal.addFilter(lambda record: record.levelno >= logging.WARNING or hasattr(record, "on_terminal"))
    logging.raiseExceptions = False  # if a full disk stops the log file, the terminal still shows the error
    logging.basicConfig(level=logging.WARNING, handlers=[file, terminal])
    logging.captureWarnings(True)
    log.setLevel(logging.DEBUG)
    one_thread()
    one_memory_pool()
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
    """Limit zarr to one thread, if a job uses it: jobs are the unit of parallelism, and threads hold on to memory."""
    if zarr := sys.modules.get("zarr"):
        zarr.config.set({"threading.max_workers": 1})


def one_memory_pool() -> None:
    """Let all threads share a memory pool of the GNU C library: a pool each would cost a clip a third more memory.

    Does nothing if the environment sets MALLOC_ARENA_MAX, and with another C library.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(ARENA_MAX, 1)
