"""What a release changed: backscatter of acquisitions that two releases hold, compared sample by sample."""

from gcov.log import job_log, log

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from gcov import tables
from gcov.analysis import release_steps as steps
from gcov.files import paths
from gcov.inputs.zones import read_zones
from gcov.inputs.zones_on_grid import on_grid, whole
from gcov.stores import store


def release_steps(
    *,
    superseded: Sequence[Path] = (),
    used: Sequence[Path] = (),
    terms: list[str],
    counting: Mapping[str, Any],
    zones: Path | None = None,
    zone_name: str,
    point_size: float,
    output: Path,
) -> None:
    """Write the table of `steps.compared` for each pair of fragments of one acquisition, from the older to the newer.

    `counting` are the settings of `Stack` that say which samples count. The first zone is the AOI. Without an
    acquisition that two releases hold, the table is empty. Raises GcovError, naming the granules, if the grids of two
    releases differ.
    """
    found = [pd.DataFrame(columns=steps.COLUMNS)]
    for pair in product(*(map(store.fragment_info, several) for several in (superseded, used))):
        if not pair[0].granule.same_acquisition(pair[1].granule):
            continue
        older, newer = sorted(pair, key=lambda fragment: fragment.granule.rank)
        grid = store.open_store(newer.path)
        areas = [whole(grid)]
        if zones:
            outline = newer.attributes["aoi_polygon"] or None
            areas += on_grid(read_zones(zones, zone_name, "zones"), grid, outline, point_size)
        found.append(steps.compared(older, newer, terms, areas, counting))
        for row in found[-1][found[-1]["zone"] == areas[0].name].itertuples():
            log.info("%s, %s to %s: %s by %+.3f dB", row.time, row.from_crid, row.to_crid, row.term, row.step_db)
    if len(found) == 1:
        log.warning("no acquisition is held by two releases: the table is empty")
    tables.write(output, pd.concat(found[1:] or found, ignore_index=True))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        release_steps(**paths(snakemake.input), **snakemake.params, output=Path(snakemake.output[0]))
