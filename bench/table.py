"""One table of what was measured: printed, and kept as markdown."""

import os
import platform
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A figure beside its reference and beside the earlier checkout's (`before`, where there is one).

    `required` is text, `met` None where nothing is required.
    """

    what: str
    required: str
    reference: str
    before: str
    ours: str
    ratio: str
    met: bool | None = None

    @property
    def cells(self) -> list[str]:
        """The texts of the row."""
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return [self.what, self.required, self.reference, self.before, self.ours, self.ratio, met]


HEADER = ["what", "bound", "reference", "before", "ours", "ratio", "met"]


def at_most(what: str, bound: float, reference: str, texts: dict[str, str], value: float, unit: str = "") -> Row:
    """A row whose value must not exceed a bound; `texts` are what was measured, by the name of the checkout."""
    return _row(what, f"<= {bound:g}{unit}", reference, texts, f"{value:.3g}{unit}", value <= bound)


def at_least(what: str, bound: float, reference: str, texts: dict[str, str], value: float) -> Row:
    """A row in which ours must be so many times better than the reference."""
    return _row(what, f">= {bound:g} x", reference, texts, f"{value:.3g} x", value >= bound)


def against_before(what: str, bound: float, values: dict[str, float], unit: str) -> Row:
    """A row whose value must not exceed so many times the earlier checkout's; without one nothing is required."""
    texts = {name: f"{value:.4g}{unit}" for name, value in values.items()}
    if "before" not in values:
        return note(what, "", texts)
    ratio = values["after"] / values["before"]
    return _row(what, f"<= {bound:g} x before", "", texts, f"{ratio:.3g} x", ratio <= bound)


def note(what: str, reference: str, texts: dict[str, str], ratio: str = "") -> Row:
    """A row of which nothing is required."""
    return _row(what, "", reference, texts, ratio)


def _row(what: str, required: str, reference: str, texts: dict[str, str], ratio: str, met: bool | None = None) -> Row:
    return Row(what, required, reference, texts.get("before", ""), texts["after"], ratio, met)


def machine() -> str:
    """Where and with what the figures were measured."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("snakemake", "zarr", "numpy", "h5py", "xarray", "h5netcdf", "rioxarray", "s3fs")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{date.today()}, {os.cpu_count()} cores of {model.split(':')[1].strip()}, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {libraries}; load {load}"
    )


def markdown(rows: list[Row]) -> str:
    """The table in markdown, columns aligned so that it reads on a terminal as well; without columns that are empty."""
    columns = [column for column in zip(HEADER, *(row.cells for row in rows)) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in zip(*columns)
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])
