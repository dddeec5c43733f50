"""Write the STAC catalogue of all AOIs."""

from gcov.log import job_log

from pathlib import Path

from gcov.export import stac as catalogues


def catalog(*, collections: list[Path], output: Path) -> None:
    """Write a catalogue that links to the STAC collection of each AOI; `collections` are their folders."""
    catalogues.write_catalog([folder / "collection.json" for folder in collections], output)


if __name__ == "__main__":
    with job_log(snakemake.log[0], "catalog"):
        catalog(collections=[Path(path) for path in snakemake.input], output=Path(snakemake.output[0]))
