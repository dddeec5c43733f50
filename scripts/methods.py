"""A paragraph ready for a paper, and how to cite."""

from gcov.log import job_log, log

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gcov import tables
from gcov.export.methods import paragraph
from gcov.files import paths, read_json, write_text
from gcov.stores.provenance import metadata_of


def methods(
    *, dates: Path, geometry: Path, looks: Path | None = None, stack: Path, settings: Mapping[str, Any], output: Path
) -> None:
    """Write the paragraph as one line of text. It states facts of this run only."""
    table = tables.read(dates, dtype=str)
    table = table.assign(time=pd.to_datetime(table["time"]), valid_fraction=pd.to_numeric(table["valid_fraction"]))
    known = read_json(looks) if looks else {}
    text = paragraph(table, read_json(geometry), known, metadata_of(stack)["attributes"], settings)
    write_text(output, f"{text}\n")
    log.info("%s", text)


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        methods(**paths(snakemake.input), settings=dict(snakemake.params.items()), output=Path(snakemake.output[0]))
