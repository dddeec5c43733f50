"""One table of what was measured: printed, and kept as markdown."""

import os
import platform
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A figure beside its reference; `required` is text, `met` None where nothing is required."""

    what: str
    required: str
    reference: str
    ours: str
    ratio: str
    met: bool | None = None

    @property
    def cells(self) -> list[str]:
        """The texts of the row."""
        return [
            self.what,
            self.required,
            self.reference,
            self.ours,
            self.ratio,
            {True: "yes", False: "NO"}.get(self.met, ""),
        ]


HEADER = ["what", "at least", "reference", "ours", "ratio", "met"]


def at_most(what: str, bound: float, reference: str, ours: str, value: float, unit: str = "") -> Row:
    """A row whose value must not exceed a bound."""
    return Row(what, f"<= {bound:g}{unit}", reference, ours, f"{value:.3g}{unit}", value <= bound)


def at_least(what: str, bound: float, reference: str, ours: str, value: float) -> Row:
    """A row in which ours must be so many times better than the reference."""
    return Row(what, f"{bound:g} x", reference, ours, f"{value:.3g} x", value >= bound)


def note(what: str, reference: str, ours: str, ratio: str = "") -> Row:
    """A row of which nothing is required."""
    return Row(what, "", reference, ours, ratio)


def machine() -> str:
    """Where and with what the figures were measured."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("snakemake", "zarr", "numpy", "h5py", "xarray", "s3fs")
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{date.today()}, {os.cpu_count()} cores of {model.split(':')[1].strip()}, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {libraries}; load {load}"
    )


def markdown(rows: list[Row]) -> str:
    """The table in markdown, columns aligned so that it reads on a terminal as well."""
    lines = [HEADER, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    padded = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])
