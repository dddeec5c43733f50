"""The data of the charts in explore.html, for an AOI and its zones, from tables that use every sample."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from gcov.cautions import has_term, little_valid
from gcov.pages import notes
from gcov.words import number_of


@dataclass(frozen=True)
class Tables:
    """The tables of an AOI: mean_series.csv and zones.csv by term, and indices.csv (None without indices).

    Dates with fewer valid samples than `min_valid_fraction` of the best date's number are drawn hollow.
    """

    series: Mapping[str, pd.DataFrame]
    zones: Mapping[str, pd.DataFrame]
    indices: pd.DataFrame | None
    min_valid_fraction: float

    def lines(self, term: str, zones: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
        """A term's rows for the AOI, then for each zone, each with its label on the page."""
        named = [("mean of the area", self.series[term].assign(zone="aoi"))]
        for zone in zones:
            rows = self.zones[term][self.zones[term]["zone"] == zone].reset_index(drop=True)
            named.append((f"{zone} (zone, {number_of(int(rows['n_pixels'].max()), 'sample')})", rows))
        return named


def charts(tables: Tables, zones: Sequence[str], frequency: str) -> dict[str, dict]:
    """A chart for each term, each ratio of two terms, each anomaly and each index, by name, in that order.

    In a chart, `held` are the indices of the dates that have the term, `gaps` of the dates after a gap, and `hollow` of
    the dates with few valid samples. Values of terms and ratios are in dB; None without a valid sample. Ratios are
    taken between means.
    """
    terms = list(tables.series)
    found = {term: term_chart(tables, term, zones, frequency) for term in terms}
    for under, over in itertools.combinations(terms, 2):
        found[f"{over}/{under}"] = ratio_chart(f"{over}/{under}", found[over], found[under])
    for term, rows in tables.series.items():
        if rows.get("anomaly_db", pd.Series(dtype=float)).notna().any():
            found[f"{term} anomaly"] = anomaly_chart(term, tables, zones, found[term])
    if tables.indices is not None:
        for name, rows in tables.indices.groupby("index", sort=False):
            found[str(name)] = index_chart(str(name), rows, tables, zones, found[terms[0]])
    return found


def term_chart(tables: Tables, term: str, zones: Sequence[str], frequency: str) -> dict:
    """The chart of a term."""
    series = tables.series[term]
    has = has_term(series, term, frequency).to_numpy()
    after = [after for _, after in notes.gaps(series[has])]
    few = partial(little_valid, min_valid_fraction=tables.min_valid_fraction)
    lines = [
        {"name": name, "style": place, "values": numbers(rows["mean_db"]), "hollow": places(few(rows))}
        for place, (name, rows) in enumerate(tables.lines(term, zones))
    ]
    known = {"terms": [term], "held": places(has), "gaps": places(series["time"].isin(after)), "lines": lines}
    return {"label": f"{term}, γ⁰ in dB", "unit": " dB", "digits": 2, "least": 1, **known}


def ratio_chart(name: str, over: dict, under: dict) -> dict:
    """The chart of the ratio of two terms, in dB."""
    lines = []
    for one, other in zip(over["lines"], under["lines"]):
        pairs = zip(one["values"], other["values"])
        values = [None if None in pair else round(pair[0] - pair[1], 4) for pair in pairs]
        lines.append(one | {"values": values, "hollow": sorted({*one["hollow"], *other["hollow"]})})
    fewer = min(over, under, key=lambda chart: len(chart["held"]))  # polarizations may alternate
    both = {"terms": over["terms"] + under["terms"], "held": fewer["held"], "gaps": fewer["gaps"], "lines": lines}
    return {**over, "label": f"{name}, ratio in dB", **both}


def anomaly_chart(term: str, tables: Tables, zones: Sequence[str], like: dict) -> dict:
    """The chart of a term's anomalies with their errors, in dB, on the dates of the chart `like`."""
    lines = [
        line | {"values": numbers(rows["anomaly_db"]), "errors": numbers(rows["anomaly_se_db"])}
        for line, (_, rows) in zip(like["lines"], tables.lines(term, zones))
    ]
    label = f"{term}, anomaly in dB: less the same season of the baseline"
    return {**like, "terms": None, "label": label, "zero": True, "lines": lines}


def index_chart(name: str, rows: pd.DataFrame, tables: Tables, zones: Sequence[str], like: dict) -> dict:
    """The chart of an index, on the dates of the chart `like`."""
    times = next(iter(tables.series.values()))["time"]
    of_zone = {zone: values.set_index("time")["value"].reindex(times) for zone, values in rows.groupby("zone")}
    lines = [
        line | {"values": numbers(of_zone[zone])}
        for line, zone in zip(like["lines"], ["aoi", *zones])
        if zone in of_zone
    ]
    return {**like, "terms": None, "label": name, "unit": "", "digits": 3, "least": 0.1, "lines": lines}


def numbers(values: pd.Series) -> list[float | None]:
    """Values for JSON, rounded to four decimals; None where NaN."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


def places(where: np.ndarray | pd.Series) -> list[int]:
    """The indices where a mask is True."""
    return np.flatnonzero(where).tolist()
