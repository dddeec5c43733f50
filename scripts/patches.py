"""Patches of neighbouring cells that changed alike, as polygons and as a table."""

from gcov.log import job_log, log

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from gcov import tables
from gcov.analysis import changed
from gcov.analysis.ground import GroundArea
from gcov.analysis.ledger import Ledger
from gcov.analysis.outlines import Outlines
from gcov.analysis.patches import Grouping, Patches, expected_by_chance, fewest_cells
from gcov.analysis.releases import SEVERAL
from gcov.files import building, paths
from gcov.stores import store

SMALLEST_P = float(np.nextafter(np.float32(0), np.float32(1)))  # the maps hold no smaller one but 0


def patches(
    *,
    maps: Path,
    terms: list[str],
    series: Path | None = None,
    min_patch_ha: float,
    confirm_dates: int | None = None,
    geojson: Path,
    csv: Path,
    ledger: Path,
    zones: Path | None = None,
    zone_name: str = "name",
    point_size: float = 60,
) -> None:
    """Write the patches of a change history, or of one term's change between two periods, the largest first.

    For a history, `series` (the mean series of a term) tells the releases of the dates, and changes need
    `confirm_dates` on both sides. `ledger` keeps the ids of patches from run to run: it is read if it exists, and
    written anew. Raises GcovError if it is damaged.
    """
    data = store.open_store(maps)
    drawn, ground = drawn_zones(data, zones, zone_name, point_size), GroundArea(data)
    grouping = Grouping(ground, min_patch_ha, len(terms), drawn)
    for cells, bottom in changed.blocks(data, confirm_dates):
        grouping.add(cells, bottom)
    found = grouping.finish()
    dates, when = of_history(data, found.table, series) if series else of_periods(data, found.table)
    known = Ledger.read(ledger, data).renewed(found, dates)
    names = [[drawn[number].name for number in of] for of in found.zones]
    table = pd.concat([known.table[["id"]], when, measured(found.table, terms)], axis=1)
    table["zones"] = pd.Series(names, dtype=object)
    chance = expected_by_chance(data.attrs["pixels"], data.attrs["significance"], fewest_cells(ground, min_patch_ha))
    rule = {"min_patch_ha": min_patch_ha, **({"confirm_dates": confirm_dates} if series else {})}
    facts = {"expected_by_chance": float(f"{chance:.3g}"), "significance": data.attrs["significance"], **rule}
    write_geojson(geojson, table, found, Outlines(data), {**facts, "warning": data.attrs["warning"]})
    tables.write(csv, table.assign(zones=["; ".join(of) for of in names]))
    known.write(ledger, data)
    log.info("%d patches; by chance alone at most %g", len(table), facts["expected_by_chance"])


def drawn_zones(data: xr.Dataset, zones: Path | None, zone_name: str, point_size: float) -> list:
    """The zones of a file, on the grid of the maps."""
    if not zones:
        return []
    from gcov.analysis.drawn import drawn_on  # geopandas, needed with zones only

    return drawn_on(data, zones, zone_name, point_size)


def of_history(data: xr.Dataset, table: pd.DataFrame, series: Path) -> tuple[list[str], pd.DataFrame]:
    """The dates of a history (ISO 8601), and of each patch: its dates, whether they are confirmed, or mix releases.

    `start` and `end` are the interval of the median date. A patch is confirmed if half of its cells are; releases
    differ if they change between the date before `first` and `last`.
    """
    times = changed.dates_of(data)
    read = tables.read_series(series)
    releases = dict(zip(read["time"].to_numpy("datetime64[s]"), zip(read["crid"], read["maturity"])))
    steps = np.cumsum([0, *(releases[one] != releases[other] for one, other in pairwise(times))])
    first, last, median = (table[name].to_numpy() for name in ("first", "last", "median"))
    confirmed = 2 * table["confirmed"] >= table["cells"]
    text = np.datetime_as_string(times, unit="s").astype(object)
    when = {
        "start": text[median - 1],
        "end": text[median],
        "first": text[first],
        "last": text[last],
        "confirmed": confirmed,
        "newly_confirmed": confirmed & (2 * (table["confirmed"] - table["newly_confirmed"]) < table["cells"]),
        "releases_differ": steps[last] > steps[first - 1],
    }
    return text.tolist(), pd.DataFrame(when)


def of_periods(data: xr.Dataset, table: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """The date after a change between two periods, and of each patch: the dates around it, and if releases differ."""
    facts = data.attrs
    # a period without a usable date yet has no patch either
    start, end = max(facts["dates_before"], default=""), min(facts["dates_after"], default="")
    differ = any(facts[f"{name}_before"] != facts[f"{name}_after"] for name in SEVERAL)
    return [end], pd.DataFrame({"start": start, "end": end, "releases_differ": differ}, index=table.index)


def measured(table: pd.DataFrame, terms: list[str]) -> pd.DataFrame:
    """How large patches are, and how much and how surely they changed."""
    p = table["p"].astype(float).clip(lower=SMALLEST_P).map(lambda p: float(f"{p:.6g}"))
    sizes = {"direction": table["sign"], "area_ha": table["ha"].round(8), "cells": table["cells"]}
    steps = {
        f"{name}_{term}": table[f"{name}{number}"].round(6)
        for number, term in enumerate(terms)
        for name in ("step_db", "se_db")
    }
    return pd.DataFrame({**sizes, **steps, "p_min": p, "minus_log10_p": -np.log10(p).round(4)})


def write_geojson(path: Path, table: pd.DataFrame, found: Patches, outlines: Outlines, facts: dict[str, Any]) -> None:
    """Write the patches as GeoJSON in longitude and latitude, a feature a line; `facts` are members beside them."""
    with building(path) as part, part.open("w") as file:
        file.write(json.dumps({"type": "FeatureCollection", **facts})[:-1] + ', "features": [')
        for number, row in enumerate(table.to_dict("records")):
            properties = {name: None if value != value else value for name, value in row.items()}
            feature = json.dumps({"type": "Feature", "properties": properties}, ensure_ascii=False)
            file.write((",\n" if number else "\n") + feature[:-1] + ', "geometry": ')
            file.writelines(outlines.of(found.runs_of(number)))
            file.write("}")
        file.write("\n]}\n")


if __name__ == "__main__":
    with job_log(snakemake.log[0], " ".join(snakemake.wildcards)):
        patches(**snakemake.params, **paths(snakemake.input), **paths(snakemake.output))
