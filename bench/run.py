"""`make bench`: measure, and print one table. `python -m bench.run read series` measures those chapters only."""

import argparse
import importlib
import tempfile
from pathlib import Path

from bench import REPO
from bench.checkouts import HERE, Checkout
from bench.table import Row, machine, markdown

CHAPTERS = ["read", "workflow", "series", "change", "scale"]
CACHE = Path(tempfile.gettempdir()) / "gcov-bench"  # granules and series, about 31 GB; kept for the next time
OUTPUT = REPO / "bench" / "results" / "bench.md"


def main() -> None:
    """Measure the chapters asked for, printing each row as it is known, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="chapter", help=", ".join(CHAPTERS))
    parser.add_argument("--before", type=checkout, metavar="CHECKOUT", help="an earlier checkout, to measure beside")
    options = parser.parse_args()
    rows = measured(options.chapters or CHAPTERS, [options.before, HERE] if options.before else [HERE])
    earlier = f"before: {options.before.root}\n" if options.before else ""
    text = f"{machine()}\n{earlier}\n{markdown(rows)}\n"
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(text)
    print(f"\n{text}\nwritten to {OUTPUT}")


def checkout(path: str) -> Checkout:
    """The earlier checkout."""
    root = Path(path).resolve()
    if not (root / "Snakefile").is_file():
        raise argparse.ArgumentTypeError(f"{path} is no checkout of this project: it has no Snakefile")
    return Checkout("before", root)


def measured(chapters: list[str], checkouts: list[Checkout]) -> list[Row]:
    """The rows of the chapters, printed one by one."""
    rows = []
    for chapter in chapters:
        for row in importlib.import_module(f"bench.{chapter}").rows(CACHE, checkouts):
            print(" | ".join(row.cells), flush=True)
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
