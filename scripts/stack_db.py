"""The stack in dB, for display and for tools that expect dB."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np

from gcov.files import building
from gcov.granules import is_diagonal
from gcov.stores import store
from gcov.stores.radiometry import to_db
from gcov.stores.stack import Stack


def stack_db(*, stack: Stack, output: Path) -> None:
    """Write 10 log10 of the stack's diagonal terms: (time, y, x) float32, dB.

    NaN where linear gamma0 is not positive, and where a sample does not count.
    """
    data = stack.data
    terms = [name for name in store.variables_of(data) if is_diagonal(name)]
    attributes = {**data.attrs, "valid_samples_only": str(stack.valid_samples_only).lower()}  # NetCDF has no booleans
    types = dict.fromkeys(terms, "f4")
    with building(output) as part:
        dates = store.dates_of(data)
        store.create(part, grid=data, dates=dates, types=types, attributes=attributes, cf=store.db_attributes)
        for region in store.regions(data, rows=store.SHARD, columns=store.SHARD):
            block = stack.part(region)
            for term in terms:
                db = np.empty(block.data[term].shape, np.float32)
                for band in store.regions(block.data, rows=2 * store.CHUNK):  # keeps memory small beside the shard
                    db[tuple(band.values())] = to_db(block.power(term, band))
                store.write(part, region, {term: db})
            log.info("date %d of %d", region["time"].stop, len(dates))
        store.finish(part)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack_db(stack=Stack(snakemake.input[0], **snakemake.params), output=Path(snakemake.output[0]))
