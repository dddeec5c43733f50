"""Find an AOI's granules, keep the newest release of each acquisition, and estimate what the run will download."""

from gcov.log import ON_TERMINAL, job_log, log

from collections import Counter
from pathlib import Path

import shapely

from gcov import granules, releases
from gcov.archive import catalog, login, remote
from gcov.errors import GcovError
from gcov.files import building
from gcov.granules import Granule
from gcov.inputs.settings import Archive, Search
from gcov.inputs.volume import in_full, needed_by_layer


def search(
    *,
    bbox: tuple[float, float, float, float],
    polygon: str | None,
    listed: tuple[str, ...],
    query: Search,
    archive: Archive,
    frequency: str,
    terms: tuple[str, ...],
    records: Path,
    table: Path,
) -> None:
    """Write one record per kept granule into the folder `records`, and a row per granule found to `table`.

    The row says whether the granule was kept and, if not, why. Raises GcovError if nothing is found, if the granules
    cannot form one time series (with a table of the alternatives), or if adjacent frames are not on one lattice.
    Without a token, frames cannot be compared; a file beside the records asks the clips to do so.
    """
    if listed:
        found, left_out = catalog.listed_granules(listed, archive), []
    else:
        found, left_out = catalog.search_archive(polygon or shapely.box(*bbox).wkt, query, archive.cmr_host)
    if not found:
        others = "".join(f"\n  {granule.name}: {reason}" for granule, reason in left_out)
        hint = "" if listed else "; bbox is west, south, east, north: are latitude and longitude exchanged?"
        raise GcovError(f"no granules found; asked for {list(listed) or {'bbox': list(bbox), **query}}{hint}{others}")
    kept, older = releases.newest_releases(found)
    dropped = older + left_out
    granules.check_one_series(kept, frequency, terms, None if listed else query)
    granules.check_names(kept)
    missing_token = any(map(remote.wants_token, kept)) and login.token_source() is None
    several_frames = len({granule.frame for granule in kept}) > 1
    if several_frames and not missing_token:
        from gcov.granule.frames import check_one_lattice  # only this check opens granules; most searches need none

        check_one_lattice(kept, bbox, frequency, archive)
    with building(table) as part:
        granules.write_table(part, kept, dropped)
    with building(records) as part:
        granules.write_records(part, kept)
        if several_frames and missing_token:
            (part / granules.NOT_COMPARED).touch()
    report(kept, dropped, bbox, frequency, terms)
    if missing_token:
        log.warning("no Earthdata token for the fetch that follows: %s", login.HOW)
    if several_frames and missing_token:
        log.warning("the grids of the frames are not compared yet: the first clip with a token does so")


def report(
    kept: list[Granule],
    dropped: list[tuple[Granule, str]],
    bbox: tuple[float, float, float, float],
    frequency: str,
    terms: tuple[str, ...],
) -> None:
    """Log what was kept, what was dropped and why, and the estimated download."""
    for granule, reason in dropped:
        log.info("dropped %s: %s", granule.name, reason)
    if note := granules.maturity_note(" ".join({g.maturity for g in date}) for date in granules.passes(kept)):
        log.warning("this stack %s", note if note.startswith("mixes") else f"holds {note}")
    sizes: Counter[str] = Counter()
    for granule in kept:
        sizes.update(needed_by_layer(bbox, frequency, granule, terms))
    megabytes = {name: round(size / 1e6) for name, size in sizes.items()}
    log.info(
        "%d granules kept (%d dates), %d dropped; in full they are %s, this AOI needs roughly %d MB of them",
        len(kept),
        len(granules.passes(kept)),
        len(dropped),
        in_full(kept, lambda size: f"{size / 1e6:.0f} MB"),
        sum(megabytes.values()),
        extra=ON_TERMINAL,
    )
    for name in (*terms, "mask") if len(terms) > 1 else ():  # these lines add up to the sum above
        log.info("... of which %s is roughly %d MB", name, megabytes.get(name, 0))


if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.wildcards.aoi):
        search(
            **snakemake.params,
            # not a rule parameter, for the reason given in clip
            archive=Archive.of(snakemake.config),
            records=Path(snakemake.output.records),
            table=Path(snakemake.output.table),
        )
