"""Animate a term's dB image over time, with or without the growing mean series: a GIF, or a page with a player."""

from gcov.log import job_log, log

from collections.abc import Sequence
from pathlib import Path

from gcov import tables
from gcov.figures import movies
from gcov.stores.stack import Stack, open_with
from gcov.stretch import limits


def animation(
    *,
    stack: Stack,
    series: Path,
    no_echo: Path,
    stretch: Path,
    shown_db: Sequence[float] | None,
    term: str,
    min_valid_fraction: float,
    with_means: bool,
    output: Path,
) -> None:
    """Write one frame per date to `output` (.gif or .html).

    The grey scale has the limits `shown_db` (dB), or runs from q05 to q95 of `stretch`, a stretch.json.
    """
    table = tables.read_series(series, no_echo)
    shown = {"limits": limits(stretch, shown_db), "with_means": with_means, "min_valid_fraction": min_valid_fraction}
    frames = movies.frames(stack, term, table, **shown)
    title, origin = f"{stack.data.attrs['aoi']}, {term}", stack.provenance
    as_page = output.suffix == ".html"
    with movies.page_writer(output, title, origin) if as_page else movies.gif_writer(output, origin) as add:
        for frame, caption in zip(frames, movies.captions(table), strict=True):
            add(frame, caption)
            log.info("%s", caption)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        animation(
            **open_with(snakemake.input, snakemake.params),
            term=snakemake.wildcards.term,
            output=Path(snakemake.output[0]),
        )
