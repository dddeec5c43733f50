"""Animate a term's dB image over time, alone or beside the growing mean series: a GIF and a page with a player."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr

from gcov import store
from gcov.figures import movies
from gcov.figures.stills import provenance, read_rows
from gcov.log import job_log, log
from gcov.radiometry import add_cells, is_valid, to_db


def animation(
    *,
    stack: Path,
    series: Path,
    stretch: Path,
    term: str,
    valid_samples_only: bool,
    with_means: bool,
    gif: Path,
    page: Path,
) -> None:
    """Write one frame per date to `gif` and `page`.

    Images larger than the screen are averaged in linear power over the samples that count, then put in dB;
    the grey scale runs from q05 to q95 of the stretch.
    """
    source = zarr.open_group(stack, mode="r")
    rows = read_rows(series)
    limits = json.loads(stretch.read_text())
    left, bottom, right, top = (edge / 1000 for edge in store.grid_of(source).bounds)
    whole = source[term].shape[1:]
    shape = movies.averaged_shape(whole)
    looks = f", {whole[0] / shape[0]:.1f} x {whole[1] / shape[1]:.1f} pixels averaged" if shape != whole else ""
    title = f"{source.attrs['aoi']}, {term}"
    screen = movies.Screen(
        shape,
        extent=(left, right, bottom, top),
        limits=(limits["q05"], limits["q95"]),
        title=title + looks,
        rows=rows,
        with_means=with_means,
    )
    origin = provenance(stack, valid_samples_only)
    with movies.gif_writer(gif, origin) as to_gif, movies.page_writer(page, title, origin) as to_page:
        for index, (row, power) in enumerate(zip(rows, images(source, term, shape, valid_samples_only))):
            caption = (
                f"{row['time'].replace('T', ' ')} UTC   {row['crid']} {row['maturity']}   {index + 1} of {len(rows)}"
            )
            frame = screen.frame(index, to_db(power), caption)
            to_gif(frame)
            to_page(frame, caption)
            log.info("%s", caption)


def images(source: zarr.Group, term: str, shape: tuple[int, int], valid_samples_only: bool) -> Iterator[np.ndarray]:
    """The image of each date averaged to `shape`: linear power float32, NaN where no sample counts."""
    backscatter, mask = source[term], source["mask"]
    dates, height, width = backscatter.shape
    for index in range(dates):
        sums, counts = np.zeros((2, *shape), np.float32)
        for rows in store.bands((height, width)):
            power = backscatter[index, rows]
            use = np.isfinite(power)
            if valid_samples_only:
                use &= is_valid(mask[index, rows])
            add_cells(sums, counts, power, use, rows, height)
        yield np.divide(sums, counts, out=np.full(shape, np.nan, np.float32), where=counts > 0)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        animation(
            **snakemake.params,
            **{name: Path(path) for name, path in [*snakemake.input.items(), *snakemake.output.items()]},
            term=snakemake.wildcards.term,
        )
