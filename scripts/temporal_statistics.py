"""Statistics over time of each pixel."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np

from gcov import tables
from gcov.analysis import cube, looks, selection, temporal
from gcov.analysis.assumed import Assumed
from gcov.files import building, read_json
from gcov.stores import noise, store
from gcov.stores.stack import Stack, open_with


def temporal_statistics(
    *,
    stack: Stack,
    term: str,
    series: Path,
    looks_json: Path,
    multilook: int,
    min_valid_fraction: float,
    output: Path,
) -> None:
    """Write the maps (y, x) of `temporal.statistics`, from linear power averaged over `multilook` x `multilook`.

    Dates with too few valid samples (by mean_series.csv) are left out. The log names them and the attributes count
    them.
    """
    data, table = stack.data, tables.read_series(series)
    use = selection.usable(table, min_valid_fraction)
    excluded = selection.left_out(table, use, term, data.attrs["frequency"], min_valid_fraction)
    codes = store.codes_of(data, term)
    content = read_json(looks_json)
    entries = looks.entries_of(content, term, codes)
    found = looks.looks(entries, codes, multilooked=True)[use]
    warning = looks.caution(entries, term)
    if known := not np.isnan(found).any():
        excluded["looks"] = [round(value, 3) for value in found.tolist()]
    else:
        why = "; ".join(dict.fromkeys(one["method"] for one in entries.values() if one["looks_multilooked"] is None))
        warning = f"excess_cv is empty: no number of looks ({why}); set it, for example `looks: 9.3`"
    if warning:
        log.warning("%s", warning)
    attributes = {**stack.attributes, "multilook": multilook, **excluded}
    attributes["warning"] = warning
    dates = np.flatnonzero(use).tolist()
    grid = cube.multilooked_grid(data, multilook)
    cf, shape = temporal.attributes, {"dates": len(dates), "multilook": multilook}
    with building(output) as part:
        cube.create_maps(part, data, **shape, types={**temporal.TYPES, **temporal.FLAGS}, attributes=attributes, cf=cf)
        assumed = Assumed.of(data, term, content, np.array(dates), np.ones(len(dates), bool)) if known else None
        of_dates = {term: assumed.looks} if assumed else None
        use = {term: np.ones(len(dates), bool)}
        for block in cube.blocks(stack, use, dates=dates, multilook=multilook, looks=of_dates):
            power, speckle = block.power[term], None
            if assumed and multilook > 1:
                # cells that never count in full show no texture; then all their looks count
                share = np.nan_to_num(assumed.looks_share(block), nan=1)
                speckle = block.inverse[term] / np.maximum(np.isfinite(power).sum(axis=0), 1) / share
            maps = temporal.statistics(power, of_dates and of_dates[term], speckle)
            places = (grid[dim].values[block.region[dim]] for dim in ("y", "x"))
            maps["near_noise"] = temporal.near_noise(maps["mean"], noise.over_dates(data, term, dates, *places))
            store.write(part, block.region, maps)
        store.finish(part)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        temporal_statistics(
            **open_with(snakemake.input, snakemake.params),
            term=snakemake.wildcards.term,
            output=Path(snakemake.output[0]),
        )
