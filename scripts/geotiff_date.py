"""Write one date's backscatter as a GeoTIFF."""

from gcov.log import job_log, log

from pathlib import Path

from gcov.export import cog, layers
from gcov.stores import mosaic, store
from gcov.stores.echoes import Looks


def geotiff_date(
    *, fragments: list[Path], term: str, quantity: str, valid_samples_only: bool, looks: Looks = None, output: Path
) -> None:
    """Write `quantity` (power: linear gamma0, db, or sigma0: linear) of a term, for the date that these fragments form.

    The values equal those in the stack. They are read from the fragments, so that a new date does not redo the files
    of earlier dates. NaN where a sample does not count. Raises GcovError if the fragments cannot be stacked, or lack
    the term.
    """
    members = sorted(map(store.fragment_info, fragments), key=lambda one: one.granule)
    band = layers.date_band(members, term, quantity, valid_samples_only=valid_samples_only, looks=looks)
    date = mosaic.date_of([member.granule for member in members])
    grid = store.open_store(members[0].path)
    cog.write(output, grid=grid, bands=[band], tags=layers.tags([band], date, store.software()))
    log.info("%s of %s: %s", band.quantity, date.time, date.granule)


if __name__ == "__main__":
    with job_log(snakemake.log[0], f"{snakemake.wildcards.aoi} {snakemake.wildcards.term}"):
        geotiff_date(
            **snakemake.params,
            fragments=[Path(path) for path in snakemake.input],
            term=snakemake.wildcards.term,
            quantity=snakemake.wildcards.quantity,
            output=Path(snakemake.output[0]),
        )
