"""Write layers of a product's store as a GeoTIFF."""

from gcov.log import job_log, log

from pathlib import Path

from rasterio.enums import Resampling

from gcov import granules
from gcov.errors import GcovError
from gcov.export import cog, layers, qgis
from gcov.files import write_text
from gcov.stores import store


def geotiff(
    *, source: Path, names: list[str], day: str | None, resampling: str, output: Path, style: Path | None = None
) -> None:
    """Write variables of a store as the bands of one file: maps (y, x), or the date `day` of (time, y, x).

    `resampling` sets how overviews are made: average, or nearest for classes, dates and probabilities, which cannot be
    averaged. `style` is a file beside the GeoTIFF that tells QGIS which band to draw. Raises GcovError if the store has
    no such variable or date.
    """
    data = store.open_store(source)
    if day:
        days = granules.day_names([date.time for date in store.dates_of(data)])
        if day not in days:
            raise GcovError(f"{source} has no date {day}; it holds {', '.join(days)}")
        index = days.index(day)
        data = data.isel(time=slice(index, index + 1))
    bands = [layers.store_band(data, name) for name in names]
    tags = layers.tags(bands, layers.date_of(data), store.software())
    cog.write(output, grid=data, bands=bands, tags=tags, resampling=Resampling[resampling])
    if style:
        write_text(style, qgis.style(output))
    log.info("%s of %s", ", ".join(names), source)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        output, *style = map(Path, snakemake.output)
        geotiff(**snakemake.params, source=Path(snakemake.input[0]), output=output, style=style[0] if style else None)
