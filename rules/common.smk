# What the rules share: the register of products, wildcards, settings of an AOI, the search's result.

from functools import cache

from gcov.granules import kept_names, local_file, names_by_day

PRODUCTS = []
GEOTIFFS = []


def register(outputs, wanted=lambda aoi: True):
    """Make a rule's outputs part of `all`, for AOIs that want them; for each diagonal term and change they may name."""
    PRODUCTS.append((outputs, wanted))


def products(aoi):
    """Every result of an AOI."""
    wildcards = {"aoi": aoi.name, "term": aoi.diagonal_terms, "name": list(aoi.changes)}
    return [path for outputs, wanted in PRODUCTS if wanted(aoi) for path in expand(outputs, **wildcards)]


def register_geotiff(product, outputs, **values):
    """Make a rule's files part of what an AOI gets whose `geotiff:` names the product.

    `values` are functions that give the values of wildcards other than term and day for an AOI.
    """
    GEOTIFFS.append((product, outputs, values))


def geotiffs(wildcards):
    """The GeoTIFFs that an AOI wants, of all dates."""
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


localrules:
    all,
    explain,
    verify,


# Compute nodes without internet: what touches the network runs beside snakemake, not in cluster jobs.
fetch_here = settings.archive.fetch_on_submit_host

if fetch_here:

    localrules:
        search,
        clip,
        location,


def setting(key):
    """A setting of the AOI that a job is for, as a parameter of its rule."""
    return lambda wildcards: getattr(aois[wildcards.aoi], key)


def record(wildcards):
    """The record of a granule; asking for the checkpoint first makes the search run first.

    A search writes every record anew, and addresses change. Its name identifies a granule, so that a fragment is never
    older than its record: nothing is fetched again, also where results were copied without `.snakemake`.
    """
    checkpoints.search.get(aoi=wildcards.aoi)
    return ancient(f"results/{wildcards.aoi}/granules/{wildcards.granule}.json")


def local(wildcards):
    """The local file behind a granule, if it is one: a file that has changed is read again.

    A path with braces is left out, for Snakemake takes them for wildcards, and there is no way to write them otherwise.
    """
    records = checkpoints.search.get(aoi=wildcards.aoi).output.records
    return [path for path in local_file(records, wildcards.granule) if "{" not in path]


def fragments(aoi):
    """The fragments of an AOI's kept granules; offline and cheap, for it runs again on compute nodes."""
    warn_of_missing_guards()
    records = checkpoints.search.get(aoi=aoi).output.records
    return [f"results/{aoi}/fragments/{name}.zarr" for name in kept_names(records)]


@cache  # each date's jobs ask
def days(aoi):
    """The granules of each date of an AOI, by the date's name in file names."""
    return names_by_day(checkpoints.search.get(aoi=aoi).output.records)


def fragments_of_day(wildcards):
    """The fragments of one date."""
    dates = days(wildcards.aoi)
    if wildcards.day not in dates:
        raise WorkflowError(f"{wildcards.aoi} has no date {wildcards.day}; it has {', '.join(dates)}")
    return [f"results/{wildcards.aoi}/fragments/{name}.zarr" for name in dates[wildcards.day]]


def stack_of(wildcards):
    """The AOI's stack; asking the checkpoint here keeps `-R search` from redoing products when it finds nothing new."""
    checkpoints.search.get(aoi=wildcards.aoi)
    return f"results/{wildcards.aoi}/stack.zarr"


def files_beside(wildcards):
    """The AOI's products as a page beside them links to them, tables first; no stores, and not the page itself."""
    folder, page = f"results/{wildcards.aoi}/", "explore.html"
    paths = [str(path).removeprefix(folder) for path in products(aois[wildcards.aoi])]
    return sorted(dict.fromkeys(path for path in paths if path != page and not path.endswith((".zarr", ".json"))))


def rainfall(wildcards):
    """The AOI's file of daily rain, if it has one."""
    return aois[wildcards.aoi].rainfall or []


def zones_of(wildcards):
    """The AOI's file of zones, if it has one."""
    return aois[wildcards.aoi].zones or []


def per_term(aoi, name):
    """A file of this name for each diagonal term of an AOI."""
    return [f"results/{aoi}/{term}/{name}" for term in aois[aoi].diagonal_terms]


def looks_of(wildcards):
    """The AOI's looks.json, if something that it asks for makes one."""
    aoi = aois[wildcards.aoi]
    asks = aoi.zones or aoi.statistics or aoi.changes or aoi.change_history or aoi.filter_window
    return f"results/{aoi.name}/looks.json" if asks else []


def all_stacks(wildcards):
    """The stacks of all AOIs, once their searches have run."""
    for aoi in aois:
        checkpoints.search.get(aoi=aoi)
    return expand("results/{aoi}/stack.zarr", aoi=aois)


def is_explored(aoi):
    """Whether an AOI has a page to explore it."""
    return bool(aoi.diagonal_terms and aoi.explore_megabytes)
