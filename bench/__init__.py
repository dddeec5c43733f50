"""What the workflow costs beside what it replaces, and beside an earlier state of itself: `make bench`."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
