"""Plot the changes of zones: when, between which periods, by how much, and how sure."""

from gcov.log import job_log

from collections.abc import Sequence
from pathlib import Path

from gcov import tables
from gcov.analysis import selection
from gcov.analysis.zone_changes import dates_tested, steps_in_common
from gcov.cautions import dates_left_out, gain_in_words
from gcov.figures import style
from gcov.figures.zone_changes import OfTerm, Rule
from gcov.figures.zone_changes import zone_changes as draw
from gcov.headings import view
from gcov.stores.provenance import metadata_of, provenance


def plot_zone_changes(
    *,
    table: Path,
    zones: list[Path],
    series: list[Path],
    stack: Path,
    terms: list[str],
    changes: list[str],
    change_history: bool,
    significance: float,
    min_change_db: float,
    calibration_db: float,
    change_reference: str | dict[str, str] | None,
    min_valid_fraction: float,
    origin: dict[str, str],
    output: Sequence[Path],
) -> None:
    """Write a figure of zone_changes.csv. `zones` and `series` are zones.csv and mean_series.csv of the `terms`.

    `origin` is the provenance written into it.
    """
    facts, tested, left_out = metadata_of(stack)["attributes"], {}, {}
    for term, of_zones, of_area in zip(terms, zones, series, strict=True):
        means = tables.read_series(of_area)
        use = selection.usable(means, min_valid_fraction)
        groups = tables.read_series(of_zones).groupby("zone", sort=False)
        dates = {name: rows["time"][dates_tested(rows, use, min_valid_fraction)] for name, rows in groups}
        tested[term] = OfTerm(means, dates)
        attributes = selection.left_out(means, use, term, facts["frequency"], min_valid_fraction)
        left_out |= {key if key.endswith(term) else f"{key}_{term}": value for key, value in attributes.items()}
    found, warnings = tables.read_zone_changes(table), dates_left_out(left_out)
    if not change_reference:
        warnings += steps_in_common(found, len(tested[terms[0]].dates))
    gain = gain_in_words(calibration_db, change_reference)
    rule = Rule(changes, change_history, significance, min_change_db, gain)
    figure = draw(found, tested, rule, title=facts["aoi"], warnings=warnings, view=view(facts))
    style.save(figure, output, origin)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        settings = dict(snakemake.params)
        stack = Path(snakemake.input.stack)
        plot_zone_changes(
            table=Path(snakemake.input.table),
            **{name: [Path(path) for path in snakemake.input[name]] for name in ("zones", "series")},
            stack=stack,
            origin=provenance(stack, settings.pop("valid_samples_only")),
            **settings,
            output=list(map(Path, snakemake.output.picture)),
        )
