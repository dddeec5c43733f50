"""The interactive page for exploring an AOI's images and series."""

from gcov.log import job_log, log

from collections.abc import Mapping, Sequence
from pathlib import Path

import shapely
import xarray as xr

from gcov import tables
from gcov.cautions import gain_in_words
from gcov.errors import GcovError
from gcov.files import write_text
from gcov.pages import explore as explorer
from gcov.pages.change import Changed, ChangeOnPage, HistoryOnPage, PatchesOnPage
from gcov.pages.charts import Tables
from gcov.stores import store
from gcov.stores.stack import Stack, open_with


def drawn(zones: Path, zone_name: str, point_size: float, data: xr.Dataset) -> list[tuple[str, shapely.Geometry]]:
    """Names and polygons of the zones in a file, in the stack's CRS."""
    from gcov.inputs.zones import read_zones  # imports geopandas, needed only with zones
    from gcov.inputs.zones_on_grid import outlines

    return list(outlines(read_zones(zones, zone_name, "zones"), data, point_size).items())


def changed(
    changes: Sequence[Path], history: Path | None, patches: Path | None, zone_changes: Path | None, gain: str
) -> Changed:
    """All that the page shows of change; `gain` says what the errors of the zones' steps take the gain to be."""
    between = [ChangeOnPage.of(path) for path in changes]
    of_changes = [
        PatchesOnPage(f"{one.name} ({one.term})", path.with_suffix(".geojson"), number)
        for number, (one, path) in enumerate(zip(between, changes))
    ]
    return Changed(
        between,
        HistoryOnPage(store.open_store(history)) if history else None,
        [*([PatchesOnPage("all dates", patches)] if patches else []), *of_changes],
        tables.read_zone_changes(zone_changes) if zone_changes else None,
        gain,
    )


def explore(
    *,
    stack: Stack,
    series: dict[str, Path],
    no_echo: dict[str, Path],
    granules: Path,
    megabytes: float | None,
    shown_db: Mapping[str, Sequence[float]],
    products: explorer.Products,
    zones: Path | None = None,
    zone_name: str,
    point_size: float,
    min_valid_fraction: float,
    calibration_db: float,
    change_reference: str | Mapping[str, str] | None,
    zone_series: dict[str, Path],
    indices: Path | None = None,
    changes: Sequence[Path] = (),
    history: Path | None = None,
    patches: Path | None = None,
    zone_changes: Path | None = None,
    methods: Path,
    output: Path,
) -> None:
    """Write the page.

    `series`, `no_echo` and `zone_series` are mean_series.csv, no_echo.csv and zones.csv by term, `zones` is the zone
    file, `changes` are the JSON summaries beside the change stores and patches, `history` is change_history.zarr,
    `patches` its patches (GeoJSON, with the CSV beside it), `products` are the files to link to, and `shown_db` limits
    of the first view in dB, by term. Raises GcovError if `megabytes` is None.
    """
    if megabytes is None:
        raise GcovError("explore_megabytes is null for this AOI, which turns its page off: give it a number")
    page = explorer.page(
        stack,
        Tables(
            {term: tables.read_series(path, no_echo[term]) for term, path in series.items()},
            {term: tables.read_series(path) for term, path in zone_series.items()},
            tables.read_indices(indices) if indices else None,
            min_valid_fraction,
        ),
        tables.read_granules(granules),
        zones=drawn(zones, zone_name, point_size, stack.data) if zones else (),
        changed=changed(changes, history, patches, zone_changes, gain_in_words(calibration_db, change_reference)),
        products=products,
        origin=stack.provenance,
        cite=methods.read_text(encoding="utf-8"),
        megabytes=megabytes,
        shown_db=shown_db,
    )
    write_text(output, page)
    log.info("%.1f MB", output.stat().st_size / 1e6)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        given = open_with(snakemake.input, snakemake.params)
        for name in ("series", "no_echo", "zone_series"):
            given[name] = {path.parent.name: path for path in given.get(name, ())}
        explore(**given, output=Path(snakemake.output[0]))
