"""Estimate the equivalent number of looks of an AOI's terms."""

from gcov.log import job_log, log

import json
from pathlib import Path

from gcov.analysis.looks import Given, caution, codes_of, entries_of, estimated
from gcov.files import building
from gcov.stores import store


def looks(
    *, stack: Path, terms: list[str], looks: Given, multilook: int, valid_samples_only: bool, output: Path
) -> None:
    """Write looks.json (see gcov.analysis.looks): for each term, the estimate from speckle and the configured value."""
    data = store.open_stack(stack)
    found = {}
    for term in terms:
        options = {"given": looks, "multilook": multilook, "valid_samples_only": valid_samples_only}
        found[term] = estimated(data, term, **options)
        log.info("%s: %s", term, json.dumps(found[term]))
    with building(output) as part:
        part.write_text(json.dumps(found, indent=1) + "\n")
    for term in terms:
        if warning := caution(entries_of(output, term, codes_of(data, term)), term):
            log.warning("%s", warning)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        looks(**snakemake.params, stack=Path(snakemake.input[0]), output=Path(snakemake.output[0]))
