"""Animate a term's dB image over time, alone and beside the growing mean series: GIFs, or pages with a player."""

from gcov.log import job_log, log

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from gcov import tables
from gcov.figures import movies
from gcov.files import paths
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
    alone: Path,
    with_means: Path,
) -> None:
    """Write one frame per date to `alone` and to `with_means`, both .gif or .html; each date is read once.

    The grey scale has the limits `shown_db` (dB), or runs from q05 to q95 of `stretch`, a stretch.json.
    """
    table = tables.read_series(series, no_echo)
    shown = {"limits": limits(stretch, shown_db), "min_valid_fraction": min_valid_fraction}
    dates = zip(movies.frames(stack, term, table, **shown), movies.captions(table), strict=True)
    about = f"{stack.data.attrs['aoi']}, {term}", stack.provenance
    with ExitStack() as files:
        movie = [files.enter_context(movies.writer(path, *about)) for path in (alone, with_means)]
        for frames, caption in dates:
            for add, frame in zip(movie, frames):
                add(frame, caption)
            log.info("%s", caption)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        animation(
            **open_with(snakemake.input, snakemake.params),
            term=snakemake.wildcards.term,
            **paths(snakemake.output),
        )
