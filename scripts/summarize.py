"""Histograms, mean series and stretch of one term: one pass over the stack, a band of rows at a time."""

import csv
import json
from pathlib import Path

import numpy as np
import zarr

from gcov import radiometry, store
from gcov.errors import GcovError
from gcov.files import building
from gcov.log import job_log, log


def summarize(
    *,
    stack: Path,
    term: str,
    valid_samples_only: bool,
    histogram_db: Path,
    histogram_power: Path,
    mean_series: Path,
    stretch: Path,
) -> None:
    """Write what one pass over a term's samples gives.

    histogram_db.csv, histogram_power.csv: counts of all dates pooled in the bins of `radiometry`; what lies outside
    of them is not counted. mean_series.csv: one row per date; means are taken in linear power over the
    samples that count, then put in dB; empty where there are none. stretch.json: the 5 % and 95 % quantiles in dB,
    pooled over all dates, right to 0.01 dB. Raises GcovError if the term has no positive sample.
    """
    source = zarr.open_group(stack, mode="r")
    if term not in source:
        raise GcovError(f"the stack has no term {term}; it holds {', '.join(store.variables_of(source))}")
    in_power, in_db = (np.zeros(bins[2], "i8") for bins in (radiometry.POWER_BINS, radiometry.FINE_DB_BINS))
    rows = []
    dates = store.dates_of(source)
    for index, date in enumerate(dates):
        n_valid, total = add_date(in_power, in_db, source, term, index, valid_samples_only)
        rows.append(row_of(date, source.attrs["n_pixels"], n_valid, total))
        log.info("%s: %d of %d, %d samples", date.time, index + 1, len(dates), n_valid)
    write_histogram(histogram_db, radiometry.histogram_db(in_db), radiometry.DB_BINS)
    write_histogram(histogram_power, in_power, radiometry.POWER_BINS)
    write_rows(mean_series, rows)
    write_stretch(stretch, in_db, term)


def add_date(
    in_power: np.ndarray, in_db: np.ndarray, source: zarr.Group, term: str, index: int, valid_samples_only: bool
) -> tuple[int, float]:
    """Count one date's samples, in POWER_BINS and FINE_DB_BINS; returns their number and the sum of their power."""
    backscatter, mask = source[term], source["mask"]
    n_valid, total = 0, 0.0
    for rows in store.bands(backscatter.shape[1:]):
        power = backscatter[index, rows]
        power = radiometry.samples(power, mask[index, rows], valid_samples_only=valid_samples_only)
        n_valid += power.size
        total += float(power.sum(dtype="f8"))
        in_power += radiometry.count(power, *radiometry.POWER_BINS)
        in_db += radiometry.count_db(radiometry.to_db(power[power > 0]))
    return n_valid, total


def row_of(date: store.Date, n_pixels: int, n_valid: int, total: float) -> dict:
    """One row of the mean series; means are empty text where no sample counts."""
    mean = total / n_valid if n_valid else None
    return {
        **vars(date),
        "n_pixels": n_pixels,
        "n_valid": n_valid,
        "valid_fraction": n_valid / n_pixels if n_pixels else 0.0,
        "mean_power": "" if mean is None else mean,
        "mean_db": "" if not mean or mean < 0 else float(10 * np.log10(mean)),
    }


def write_rows(path: Path, rows: list[dict]) -> None:
    """A CSV file with the keys of the first row as its header."""
    with building(path) as part, open(part, "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def write_histogram(path: Path, counts: np.ndarray, bins: tuple) -> None:
    """bin_left, bin_right, count."""
    edges = radiometry.edges(*bins)
    write_rows(
        path,
        [{"bin_left": f"{a:.6g}", "bin_right": f"{b:.6g}", "count": n} for a, b, n in zip(edges, edges[1:], counts)],
    )


def write_stretch(path: Path, counts: np.ndarray, term: str) -> None:
    """q05 and q95 in dB: the limits of the animations."""
    if not counts.any():
        raise GcovError(f"{term} has not one positive sample that counts: no dB value, no stretch")
    limits = {name: round(radiometry.quantile_db(counts, q), 4) for name, q in (("q05", 0.05), ("q95", 0.95))}
    with building(path) as part:
        part.write_text(json.dumps(limits) + "\n")


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        summarize(
            **snakemake.params,
            stack=Path(snakemake.input[0]),
            term=snakemake.wildcards.term,
            **{name: Path(path) for name, path in snakemake.output.items()},
        )
