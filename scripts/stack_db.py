"""The stack in dB, for display and for tools that expect dB."""

from gcov.log import job_log, log

from pathlib import Path

import numpy as np

from gcov.files import building
from gcov.granules import is_diagonal
from gcov.stores import store
from gcov.stores.radiometry import counted, to_db


def stack_db(*, stack: Path, valid_samples_only: bool, output: Path) -> None:
    """Write 10 log10 of the stack's diagonal terms: (time, y, x) float32, dB.

    NaN where linear gamma0 is not positive, and where `mask` is not 1..254 (unless `valid_samples_only` is false).
    """
    data = store.open_store(stack)
    terms = [name for name in store.variables_of(data) if is_diagonal(name)]
    attributes = {**data.attrs, "valid_samples_only": str(valid_samples_only).lower()}  # NetCDF has no booleans
    types = dict.fromkeys(terms, "f4")
    with building(output) as part:
        dates = store.dates_of(data)
        store.create(part, grid=data, dates=dates, types=types, attributes=attributes, cf=store.db_attributes)
        for region in store.regions(data, rows=store.SHARD, columns=store.SHARD):
            block = data.isel(region)
            for term in terms:
                db = np.empty(block[term].shape, np.float32)
                for band in store.regions(block, rows=2 * store.CHUNK):  # keeps memory small beside the shard
                    few = block.isel(band)
                    power, mask = store.samples(few, term), store.mask_of(few, term)
                    use = counted(power, mask, valid_samples_only=valid_samples_only)
                    db[tuple(band.values())] = np.where(use, to_db(power), np.float32(np.nan))
                store.write(part, region, {term: db})
            log.info("date %d of %d", region["time"].stop, len(dates))
        store.finish(part)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack_db(**snakemake.params, stack=Path(snakemake.input[0]), output=Path(snakemake.output[0]))
