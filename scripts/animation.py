"""Animate a term's dB image over time, with or without the growing mean series: a GIF, or a page with a player."""

from gcov.log import job_log, log

from pathlib import Path

from gcov import tables
from gcov.figures import movies
from gcov.files import read_json
from gcov.stores import store
from gcov.stores.provenance import provenance


def animation(
    *,
    stack: Path,
    series: Path,
    stretch: Path,
    term: str,
    valid_samples_only: bool,
    min_valid_fraction: float,
    with_means: bool,
    output: Path,
) -> None:
    """Write one frame per date to `output` (.gif or .html). The grey scale runs from q05 to q95 of `stretch`, in dB."""
    data, table, limits = store.open_store(stack), tables.read_series(series), read_json(stretch)
    shown = {"limits": (limits["q05"], limits["q95"]), "valid_samples_only": valid_samples_only}
    frames = movies.frames(data, term, table, with_means=with_means, min_valid_fraction=min_valid_fraction, **shown)
    title, origin = f"{data.attrs['aoi']}, {term}", provenance(stack, valid_samples_only)
    as_page = output.suffix == ".html"
    with movies.page_writer(output, title, origin) if as_page else movies.gif_writer(output, origin) as add:
        for frame, caption in zip(frames, movies.captions(table), strict=True):
            add(frame, caption)
            log.info("%s", caption)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        animation(
            **snakemake.params,
            **{name: Path(path) for name, path in snakemake.input.items()},
            term=snakemake.wildcards.term,
            output=Path(snakemake.output[0]),
        )
