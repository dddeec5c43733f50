"""Histograms, mean series and stretch of one term, in one pass over the stack, a band of rows at a time."""

from gcov.log import job_log, log

from pathlib import Path

from gcov import tables
from gcov.analysis import histogram
from gcov.analysis.summary import Summary
from gcov.files import paths, write_json
from gcov.inputs.rain import rain_of
from gcov.stores.stack import Stack, open_with


def summarize(
    *,
    stack: Stack,
    term: str,
    histogram_db: Path,
    histogram_power: Path,
    mean_series: Path,
    stretch: Path,
    speckle: Path,
    no_echo: Path,
    baseline: tuple[str, str] | None = None,
    rainfall: Path | None = None,
) -> None:
    """Write the summary tables of one term, from one pass over its samples.

    - histogram_db.csv, histogram_power.csv: counts over all dates, in the bins of `gcov.analysis.histogram`; samples
      outside the bins are not counted.
    - mean_series.csv: one row per date, with the columns of `means.table`; rain comes from the CSV file `rainfall`.
    - stretch.json: the 5 % and 95 % quantiles over all dates in dB, accurate to 0.01 dB, and the finer bins that the
      histogram figure shows.
    - speckle.json: what blocks of samples show of speckle, from which `looks` and the error bars follow.
    - no_echo.csv: how many samples of each date lost their echo, and what told so.

    Raises GcovError if the stack has no such term, if no sample is positive, or if a line of the rain file is invalid.
    """
    data, summary = stack.data, Summary.of(stack, term)
    tables.write(histogram_db, histogram.DB.table(histogram.coarse_db(summary.in_db)))
    tables.write(histogram_power, histogram.POWER.table(summary.in_power))
    series = summary.mean_series(data, term, rain_of(data, rainfall), stack.looks, baseline)
    if baseline and series["anomaly_db"].isna().all():
        log.warning("no anomaly: no date is in the season of another one from %s to %s (baseline)", *baseline)
    tables.write(mean_series, series)
    tables.write(no_echo, summary.no_echo(stack, term))
    write_json(stretch, {**summary.stretch(term), "histogram": summary.distribution()}, indent=None)
    write_json(speckle, summary.speckle, indent=None)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        summarize(
            **open_with(snakemake.input, snakemake.params), **paths(snakemake.output), term=snakemake.wildcards.term
        )
