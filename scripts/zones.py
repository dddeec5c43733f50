"""The time series of an AOI's zones, in one table, as CSV and as Parquet."""

from gcov.log import job_log, log

from pathlib import Path

import pandas as pd

from gcov import tables
from gcov.analysis import looks, means, zonal
from gcov.files import paths, read_json
from gcov.inputs.rain import rain_of
from gcov.inputs.zones import read_zones
from gcov.inputs.zones_on_grid import on_grid
from gcov.stores import noise, store
from gcov.stores.stack import Stack, open_with


def zones(
    *,
    stack: Stack,
    term: str,
    zones: Path,
    zone_name: str,
    point_size: float,
    looks_json: Path,
    rainfall: Path | None = None,
    baseline: tuple[str, str] | None,
    csv: Path,
    parquet: Path,
) -> None:
    """Write one row per zone and date: zone, then the columns of mean_series.csv (see `means.table`).

    Raises GcovError, naming the zones, if any zone contains no pixel centre.
    """
    data = stack.data
    found = on_grid(read_zones(zones, zone_name, "zones"), data, data.attrs["aoi_polygon"] or None, point_size)
    codes = store.codes_of(data, term)
    speckle = looks.entries_of(read_json(looks_json), term, codes)
    shared = {"codes": codes, "speckle": speckle, "rain": rain_of(data, rainfall), "baseline": baseline}
    shared["without_noise"] = noise.missing(data, term)
    series = []
    for zone, sums in zip(found, zonal.sums(stack, term, found)):
        floor = noise.of_dates(data, term, zone.points(data))
        rows = means.table(data, sums, n_pixels=zone.n_pixels, noise=floor, **shared)
        rows.insert(0, "zone", zone.name)
        series.append(rows)
    log.info("%d zones, %d to %d samples", len(found), *(f(zone.n_pixels for zone in found) for f in (min, max)))
    table = pd.concat(series, ignore_index=True)
    tables.write(csv, table)
    tables.write_parquet(parquet, table.assign(time=pd.to_datetime(table["time"])))


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        zones(**open_with(snakemake.input, snakemake.params), **paths(snakemake.output), term=snakemake.wildcards.term)
