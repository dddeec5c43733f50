"""The equivalent number of looks of an AOI's terms, from what `summarize` has seen of their speckle."""

from gcov.log import job_log, log

import json
from pathlib import Path

from gcov.analysis.looks import Given, caution, entries
from gcov.files import read_json, write_json


def looks(*, speckle: list[Path], terms: list[str], looks: Given, multilook: int, output: Path) -> None:
    """Write looks.json (see gcov.analysis.looks): for each term, the estimate from speckle and the configured value.

    `speckle` are the files speckle.json of `terms`, in that order.
    """
    found = {}
    for term, path in zip(terms, speckle, strict=True):
        by_code = entries(read_json(path), looks, multilook)
        found[term] = by_code if len(by_code) > 1 else next(iter(by_code.values()), {})
        log.info("%s: %s", term, json.dumps(found[term]))
        if warning := caution(by_code, term):
            log.warning("%s", warning)
    write_json(output, found)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        looks(**snakemake.params, speckle=[Path(path) for path in snakemake.input], output=Path(snakemake.output[0]))
