"""Plot a term's mean series, with two y axes, and its histograms in dB and in linear power."""

from gcov.log import job_log

from collections.abc import Mapping, Sequence
from pathlib import Path

from gcov import tables
from gcov.cautions import of_stack
from gcov.figures import style
from gcov.figures.histogram import histogram
from gcov.figures.series import mean_series
from gcov.files import paths, read_json
from gcov.headings import title, view
from gcov.stores.provenance import metadata_of, provenance
from gcov.stretch import limits


def plot_series(
    *,
    series: Path,
    no_echo: Path,
    counts: Mapping[str, Path],
    stretch: Path,
    shown_db: Sequence[float] | None,
    stack: Path,
    origin: dict[str, str],
    min_valid_fraction: float,
    term: str,
    output: Sequence[Path],
    histograms: Mapping[str, Sequence[Path]],
) -> None:
    """Write figures of mean_series.csv and no_echo.csv, and of the histogram CSVs `counts` with the bins in `stretch`.

    `counts` and `histograms` are by quantity, "db" or "power". `shown_db` are the limits of the grey scale in dB, if
    they are set. `origin` is the provenance written into the figures.
    """
    facts = metadata_of(stack)["attributes"]
    table = tables.read_series(series, no_echo)
    same = {"title": title(facts, term), "view": view(facts), "term": term, "frequency": facts["frequency"]}
    stated = {"min_valid_fraction": min_valid_fraction, "stated": of_stack(facts)}
    style.save(mean_series(table, **same, **stated), output, origin)
    finer, shown = read_json(stretch), limits(stretch, shown_db)
    for quantity, pictures in histograms.items():
        numbers = tables.read(counts[quantity])
        style.save(histogram(numbers, finer, table, limits=shown, quantity=quantity, **same), pictures, origin)


if __name__ == "__main__":
    wildcards = snakemake.wildcards
    with job_log(snakemake.log[0], f"{wildcards.aoi} {wildcards.term}"):
        settings, inputs, made = dict(snakemake.params), paths(snakemake.input), paths(snakemake.output)
        plot_series(
            counts={quantity: inputs.pop(f"histogram_{quantity}") for quantity in ("db", "power")},
            **inputs,
            shown_db=settings.pop("shown_db"),
            min_valid_fraction=settings.pop("min_valid_fraction"),
            origin=provenance(inputs["stack"], **settings),
            term=wildcards.term,
            output=made["mean_series"],
            histograms={quantity: made[quantity] for quantity in ("db", "power")},
        )
