"""The stack in dB, for eyes and for tools that want it so."""

from pathlib import Path

import numpy as np
import zarr

from gcov import store
from gcov.files import building
from gcov.granules import is_diagonal
from gcov.log import job_log, log
from gcov.radiometry import is_valid, to_db


def stack_db(*, stack: Path, valid_samples_only: bool, output: Path) -> None:
    """Write 10 log10 of the stack's diagonal terms: (time, y, x) float32, dB.

    NaN where power is not positive, and where `mask` is not 1..254 unless `valid_samples_only` is false.
    """
    source = zarr.open_group(stack, mode="r")
    terms = [name for name in store.variables_of(source) if name != "mask" and is_diagonal(name)]
    dates = store.dates_of(source)
    attributes = {**source.attrs.asdict(), "valid_samples_only": valid_samples_only}
    with building(output) as part:
        target = store.create(
            part,
            grid=store.grid_of(source),
            dates=dates,
            types=dict.fromkeys(terms, "f4"),
            attributes=attributes,
            cf=db_attributes,
        )
        for index in range(len(dates)):
            for rows, cols in store.blocks(source["mask"].shape[1:]):
                valid = is_valid(source["mask"][index, rows, cols]) if valid_samples_only else True
                for term in terms:
                    db = to_db(source[term][index, rows, cols])
                    target[term][index, rows, cols] = np.where(valid, db, np.float32(np.nan))
            log.info("date %d of %d", index + 1, len(dates))
        store.consolidate(part)


def db_attributes(term: str) -> dict[str, str]:
    """CF attributes of a term in dB."""
    return {"units": "dB", "long_name": f"gamma0 {term}, 10 log10 of linear power"}


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        stack_db(**snakemake.params, stack=Path(snakemake.input[0]), output=Path(snakemake.output[0]))
