"""What is known of each date, in one table."""

from gcov.log import job_log, log

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import xarray as xr

from gcov import tables
from gcov.granules import Granule
from gcov.stores import facts, store
from gcov.words import listed


def dates(*, data: xr.Dataset, series: Mapping[str, Path], no_echo: Mapping[str, Path], table: Path) -> None:
    """Write a row per date of a stack: its granules and where they are from, what they state, how much is valid.

    `series` and `no_echo` are the mean_series.csv and no_echo.csv by term. valid_fraction is that of the term with
    most valid samples. Fields are empty where no granule states the fact.
    """
    releases = {name: data[name].values for name in ("crid", "maturity", "polarizations")}
    stated = facts.of_stack(data)
    known = pd.DataFrame({"time": data["time"].values, **_acquisitions(data), **releases, **stated})
    rows = {term: tables.read_series(path, no_echo[term]) for term, path in series.items()}
    fractions = [of_term["valid_fraction"] for of_term in rows.values()]
    incidence = known.pop(facts.INCIDENCE)
    known = known.assign(
        **{f"n_no_echo_{term}": of_term["n_no_echo"].astype("Int64") for term, of_term in rows.items()}
    )
    known["valid_fraction"] = pd.concat(fractions, axis=1).max(axis=1) if fractions else float("nan")
    known[facts.INCIDENCE] = incidence
    tables.write(table, known)
    unknown = (known[list(facts.TEXTS)] == "").all(axis=1)
    log.info("%d dates, %d of them without facts of the product", len(known), unknown.sum())
    if unknown.any():
        log.warning(
            "fields of %s are empty: fragments of an earlier version do not hold what the products state. To have the"
            " granules read again, remove these fragments",
            listed(known["time"][unknown]),
        )


def _acquisitions(data: xr.Dataset) -> dict[str, list[str]]:
    """The columns from the names of the granules: their values on each date, joined by a space where they differ."""
    granules = {one["name"]: Granule(**one) for one in json.loads(data.attrs["granule_records"])}
    members = [[granules[name] for name in str(names).split()] for names in data["granule"].values]

    def joined(name: str) -> list[str]:
        values = [[str(value) for one in date if (value := getattr(one, name)) is not None] for date in members]
        return [" ".join(dict.fromkeys(texts)) for texts in values]

    columns = {"granules": "name", "track": "track", "direction": "direction", "frames": "frame", "mode": "mode"}
    return {column: joined(name) for column, name in columns.items()}


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        dates(
            data=store.open_store(snakemake.input.stack),
            series={Path(path).parent.name: Path(path) for path in snakemake.input.series},
            no_echo={Path(path).parent.name: Path(path) for path in snakemake.input.no_echo},
            table=Path(snakemake.output[0]),
        )
