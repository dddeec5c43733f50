"""From where the radar saw an AOI: incidence angle, look side, heading."""

from gcov.log import job_log, log

from pathlib import Path

from gcov.archive.sources import open_bytes
from gcov.files import paths, write_json
from gcov.granule import geometry as cubes
from gcov.granule.product import open_band
from gcov.granules import read_record
from gcov.inputs.settings import Archive
from gcov.stores import store
from gcov.stores.grid import projected


def geometry(*, fragments: list[Path], records: Path, archive: Archive, output: Path) -> None:
    """Write the viewing geometry over the AOI as the product states it, null where it does not.

    `fragments` are those of one pass, `records` is the folder of the granules' records. Of the granules, the one that
    covers most of the AOI is opened again. Raises GcovError if it cannot be read.
    """
    found = [store.fragment_info(path) for path in fragments]
    one = max(found, key=lambda fragment: fragment.attributes["n_pixels_on_granule"])
    granule, polygon = read_record(records / f"{one.granule.name}.json"), one.attributes["aoi_polygon"]
    grid = store.open_store(one.path)
    outline = projected(polygon, grid.rio.crs) if polygon else None
    with open_band(open_bytes(granule, archive), granule.label, one.attributes["frequency"]) as band:
        height, seen = band.geometry([cubes.INCIDENCE, cubes.EAST, cubes.NORTH], grid, outline)
        facts = {
            "granule": granule.name,
            "incidence_deg": cubes.described(seen[cubes.INCIDENCE]),
            "height_m": height,
            "look": band.look_direction or None,
            "heading_deg": cubes.heading(seen[cubes.EAST], seen[cubes.NORTH]),
            "track": granule.track,
            "direction": granule.direction,
            "posting_m": abs(float(grid.rio.resolution()[0])),
            "epsg": grid.rio.crs.to_epsg(),
            "center_frequency_hz": band.center_frequency,
        }
    if facts["incidence_deg"]["mean"] is None:
        log.warning("%s states no incidence angle over the AOI", granule.name)
    write_json(output, facts)
    log.info("%s: incidence %s degrees", granule.name, facts["incidence_deg"])


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        geometry(
            **paths(snakemake.input),
            archive=Archive.of(snakemake.config),  # not a parameter: another way to the same bytes changes nothing
            output=Path(snakemake.output[0]),
        )
