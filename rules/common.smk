# Shared by the rules: the register of products, wildcards, settings of an AOI, the result of the search.

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import gcov
from gcov.granules import kept_names, local_file, names_by_day, read_record
from gcov.inputs.contents import digest
from gcov.stores.origin import is_replaced

# Jobs import the modules that the rules have imported, even if another copy is installed: Snakemake puts the folder of
# a script last in sys.path.
modules = [str(Path(gcov.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys(filter(None, modules))))

PRODUCTS = []
GEOTIFFS = []


def register(outputs, wanted=lambda aoi: True):
    """Add a rule's outputs to `all` for AOIs that request them, for each diagonal term and change in their paths."""
    PRODUCTS.append((outputs, wanted))


def products(aoi):
    """Every result of an AOI."""
    wildcards = {"aoi": aoi.name, "term": aoi.diagonal_terms, "name": list(aoi.changes)}
    return [path for outputs, wanted in PRODUCTS if wanted(aoi) for path in expand(outputs, **wildcards)]


def register_geotiff(product, outputs, **values):
    """Add a rule's files to the GeoTIFFs of the AOIs whose `geotiff:` names the product.

    `values` are functions of an AOI that return the values of the wildcards other than term and day.
    """
    GEOTIFFS.append((product, outputs, values))


def geotiffs(wildcards):
    """The GeoTIFFs that an AOI requests, for all dates."""
    aoi = aois[wildcards.aoi]
    common = {"aoi": aoi.name, "term": aoi.diagonal_terms, "day": days(aoi.name)}
    return [
        path
        for product, outputs, values in GEOTIFFS
        if product in aoi.geotiff
        for path in expand(outputs, **common, **{name: of(aoi) for name, of in values.items()})
    ]


wildcard_constraints:
    aoi="|".join(aois),
    granule="[^/]+",
    term="HHHH|HVHV|VHVH|VVVV|LHLH|LVLV|RHRH|RVRV",  # backscatter: products exist for diagonal terms only
    quantity="db|power",
    movie="animation|animation_means",
    name="[A-Za-z0-9_-]+",


# For compute nodes without internet: jobs that need the network run where snakemake runs, not as cluster jobs.
fetch_here = settings.archive.fetch_on_submit_host


def growing(number):
    """A resource that grows with each attempt, for a job that a cluster ended at its limit and that is tried again."""
    return lambda wildcards, attempt: number * attempt


def setting(key):
    """A setting of the job's AOI, as a parameter of the rule."""
    return lambda wildcards: getattr(aois[wildcards.aoi], key)


def stack_settings(*keys):
    """The settings of the job's AOI that say which samples of a stack count, and those named, as parameters."""
    return {key: setting(key) for key in ("valid_samples_only", *keys)}


def searched(aoi):
    """What the search of an AOI has found. Until it has run, this makes Snakemake run it first."""
    keep_no_merged_groups()
    warn_of_missing_guards()
    warn_of_until()
    return checkpoints.search.get(aoi=aoi).output


def record(wildcards):
    """The record of a granule. Reading the checkpoint first makes the search run first.

    Each search rewrites all records, and addresses may change. `ancient` ignores both, because the name identifies a
    granule. No granule is fetched again, even if results were copied without `.snakemake`.
    """
    searched(wildcards.aoi)
    return ancient(f"results/{wildcards.aoi}/granules/{wildcards.granule}.json")


def granule_file(wildcards):
    """The granule's local file, if it has one: a file that was replaced is read again, even by an older one.

    `local` keeps a module's prefix away from relative paths. Snakemake takes braces for wildcards, and they cannot be
    escaped: where a path holds some, the folder of records stands in for it.
    """
    replaced = outdate_if_replaced(wildcards)
    paths = local_file(searched(wildcards.aoi).records, wildcards.granule)
    if any("{" in path for path in paths):
        records = f"results/{wildcards.aoi}/granules"
        return [records if replaced else ancient(records)]
    return [local(path) for path in paths]


def outdate_if_replaced(wildcards):
    """Whether a fragment's local file is another than was read; if so, make the fragment older than every file."""
    records, fragment = (
        Path(str(path).format(**wildcards)) for path in (rules.search.output.records, rules.clip.output[0])
    )
    record = records / f"{wildcards.granule}.json"
    file = read_record(record).path if workflow.is_main_process and record.exists() else None
    if not (file and is_replaced(fragment, file)):
        return False
    stamp = fragment / ".snakemake_timestamp"  # Snakemake takes the time of a folder from this file
    time = min(os.stat(file).st_mtime, 2) - 0.5  # never 0: Snakemake would ignore it
    with suppress(OSError):  # a dry run of results that only others may write
        stamp.touch()
        os.utime(stamp, (time, time))
    return True


def fragments(aoi):
    """The fragments of an AOI's kept granules. Offline and cheap, because it runs again on compute nodes."""
    records = searched(aoi).records
    return [f"results/{aoi}/fragments/{name}.zarr" for name in kept_names(records)]


@cache  # called by the jobs of every date
def days(aoi):
    """The granules of each date of an AOI, keyed by the date as written in file names."""
    return names_by_day(searched(aoi).records)


def fragments_of_day(wildcards):
    """The fragments of one date."""
    dates = days(wildcards.aoi)
    if wildcards.day not in dates:
        raise WorkflowError(f"{wildcards.aoi} has no date {wildcards.day}; it has {', '.join(dates)}")
    return [f"results/{wildcards.aoi}/fragments/{name}.zarr" for name in dates[wildcards.day]]


def stack_of(wildcards):
    """The AOI's stack. Reading the checkpoint keeps `-R search` from remaking products if it finds nothing new."""
    searched(wildcards.aoi)
    return f"results/{wildcards.aoi}/stack.zarr"


def files_beside(wildcards):
    """The AOI's products that its page links to, as sorted relative paths; no stores, JSON files or the page itself."""
    folder, page = f"results/{wildcards.aoi}/", "explore.html"
    paths = [str(path).removeprefix(folder) for path in products(aois[wildcards.aoi])]
    return sorted(dict.fromkeys(path for path in paths if path != page and not path.endswith((".zarr", ".json"))))


def rainfall(wildcards):
    """The AOI's daily rain file, if it has one."""
    return aois[wildcards.aoi].rainfall or []


def contents_of(*keys):
    """The contents of the AOI's own files, as a parameter without a name, which scripts do not receive.

    A file that is replaced by one with an older time stamp is noticed. For products only: `clip` and `search` would
    fetch every granule again.
    """
    return lambda wildcards: [digest(path) for path in (getattr(aois[wildcards.aoi], key) for key in keys) if path]


def required(key):
    """A setting without which the product cannot be made, even if it is requested by name."""

    def of(wildcards):
        if value := getattr(aois[wildcards.aoi], key):
            return value
        raise WorkflowError(f"{wildcards.aoi}: this product needs `{key}:` in the configuration")

    return of


def periods(wildcards):
    """The first and last days of the two periods of a change."""
    changes = aois[wildcards.aoi].changes
    if wildcards.name not in changes:
        known = ", ".join(changes) or "none"
        raise WorkflowError(f"{wildcards.aoi} has no change {wildcards.name} in the configuration; it has {known}")
    return changes[wildcards.name]


def zones_of(wildcards):
    """The AOI's zone file, if it has one."""
    return aois[wildcards.aoi].zones or []


def reference_zones(wildcards):
    """The AOI's zone file, if one of its zones is the reference of changes."""
    return zones_of(wildcards) if isinstance(aois[wildcards.aoi].change_reference, dict) else []


def changes_by_reference(aoi):
    """The totals of an AOI's changes, by term, then name, if they hold the gain that a reference shows."""
    one = aois[aoi]
    paths = [f"results/{aoi}/{term}/change/{name}.json" for term in one.diagonal_terms for name in one.changes]
    return paths if one.change_reference else []


def history_by_reference(aoi):
    """The AOI's change history, if it holds the gain that a reference shows."""
    one = aois[aoi]
    return f"results/{aoi}/change_history.zarr" if one.change_reference and one.change_history else []


def per_term(aoi, name):
    """The file with this name for each diagonal term of an AOI."""
    return [f"results/{aoi}/{term}/{name}" for term in aois[aoi].diagonal_terms]


def changes_of(aoi, suffix):
    """The files with this suffix for each change and diagonal term of an AOI."""
    return [path for name in aois[aoi].changes for path in per_term(aoi, f"change/{name}.{suffix}")]


def captions(wildcards):
    """What captions of a report say of the AOI's terms. An input without a name, which scripts do not receive."""
    return per_term(wildcards.aoi, "caption.rst")


def looks_of(wildcards):
    """The AOI's looks.json, if a requested product needs it."""
    return f"results/{wildcards.aoi}/looks.json" if aois[wildcards.aoi].needs_looks else []


def all_stacks(wildcards):
    """The stacks of all AOIs, once their searches have run."""
    for aoi in aois:
        searched(aoi)
    return expand("results/{aoi}/stack.zarr", aoi=aois)


def is_explored(aoi):
    """Whether an AOI gets the page explore.html."""
    return bool(aoi.diagonal_terms and aoi.explore_megabytes)
