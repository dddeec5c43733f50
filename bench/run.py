"""`make bench`: measure, and print one table. `python -m bench.run read series` measures those subjects only."""

import argparse
import importlib
import tempfile
from pathlib import Path

from bench import REPO
from bench.table import machine, markdown

SUBJECTS = ["read", "workflow", "series", "whole_frame", "scale"]


def main() -> None:
    """Measure the subjects asked for, printing each row as it is known, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=", ".join(SUBJECTS))
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "gcov-bench",
        help="folder for granules and series, about 25 GB; kept for the next time",
    )
    parser.add_argument("--output", type=Path, default=REPO / "bench" / "results" / "bench.md")
    options = parser.parse_args()
    rows = []
    for subject in options.subjects or SUBJECTS:
        for row in importlib.import_module(f"bench.{subject}").rows(options.cache):
            print(" | ".join(row.cells), flush=True)
            rows.append(row)
    text = f"{machine()}\n\n{markdown(rows)}\n"
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text)
    print(f"\n{text}\nwritten to {options.output}")


if __name__ == "__main__":
    main()
