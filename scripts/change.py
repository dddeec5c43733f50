"""Map the change in a term's backscatter between two periods, and test it against speckle."""

from gcov.log import job_log, log

import json
from pathlib import Path

import numpy as np

from gcov import tables
from gcov.analysis import cube, periods, selection
from gcov.analysis.areas import cell_km2
from gcov.analysis.change import change_between
from gcov.analysis.looks import caution, codes_of, entries_of, looks_of
from gcov.analysis.maps import CHANGE, attributes_of
from gcov.files import building
from gcov.stores import store


def change(
    *,
    stack: Path,
    series: Path,
    looks: Path,
    term: str,
    days: dict[str, list[str]],
    multilook: int,
    significance: float,
    min_valid_fraction: float,
    valid_samples_only: bool,
    output: Path,
    summary: Path,
) -> None:
    """Write the change of a term between two periods as maps (y, x; see CHANGE), and their totals as JSON.

    `days` gives the first and last day of the periods `before` and `after`. Map cells are `multilook` samples on a
    side. Raises GcovError if a period has no usable date, or if the number of looks is unknown.
    """
    data, table = store.open_stack(stack), tables.read_series(series)
    use = selection.usable(table, min_valid_fraction)
    before, after = (periods.dates_of(table, use, days[name], f"{term}, {name}") for name in ("before", "after"))
    codes = codes_of(data, term)
    of_dates, rough = looks_of(looks, term, codes), caution(entries_of(looks, term, codes), term)
    tally = periods.Tally(cell_km2(data, multilook), significance)
    dates = [*before, *after]
    with building(output) as part:
        shape = {"dates": len(dates), "multilook": multilook}
        cube.create_maps(part, data, **shape, types=CHANGE, attributes=data.attrs, cf=attributes_of)
        options = {"dates": dates, "multilook": multilook, "valid_samples_only": valid_samples_only}
        dark = cube.NotPositive([term], len(dates))
        for region, power in cube.blocks(data, [term], whole_cells=True, not_positive=dark, **options):
            maps = change_between(power[term], of_dates[dates], len(before), significance)
            del power  # free the memory before the maps are written
            store.write(part, region, vars(maps))
            tally.add(maps.change, maps.p_value)
        not_positive = dark.facts({term: np.ones(len(dates), bool)})
        facts = {
            **tally.summary(),
            **{name: number[term] for name, number in not_positive.items()},
            **periods.facts(store.dates_of(data), before, after, of_dates),
            "significance": significance,
            "multilook": multilook,
            **selection.left_out(table, use, term, data.attrs["frequency"], min_valid_fraction),
        }
        facts["warning"] = "; ".join(filter(None, (facts["warning"], rough)))
        store.finish(part, **facts)
    with building(summary) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n")
    if facts["warning"]:
        log.warning("%s", facts["warning"])
    log.info("%(up)d of %(pixels)d pixels up, %(down)d down; by chance alone %(expected_false_alarms).0f", facts)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        change(
            **snakemake.params,
            **{name: Path(path) for name, path in [*snakemake.input.items(), *snakemake.output.items()]},
            term=snakemake.wildcards.term,
        )
