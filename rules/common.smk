# What the rules share: the register of products, wildcards, settings of an AOI, the search's result.

from gcov.granules import kept_names, local_file

PRODUCTS = []


def register(outputs, wanted=lambda aoi: True):
    """Make a rule's outputs part of `all`, for the AOIs that want them and for each diagonal term where they name one."""
    PRODUCTS.append((outputs, wanted))


def products(aoi):
    """Every result of an AOI."""
    wildcards = {"aoi": aoi.name, "term": aoi.diagonal_terms}
    return [path for outputs, wanted in PRODUCTS if wanted(aoi) for path in expand(outputs, **wildcards)]


wildcard_constraints:
    aoi="|".join(aois),
    granule="[^/]+",
    term="HHHH|HVHV|VHVH|VVVV|LHLH|LVLV|RHRH|RVRV",  # backscatter: products exist for diagonal terms only
    quantity="db|power",
    movie="animation|animation_means",


localrules:
    all,
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


def stack_of(wildcards):
    """The AOI's stack; asking the checkpoint here keeps `-R search` from redoing products when it finds nothing new."""
    checkpoints.search.get(aoi=wildcards.aoi)
    return f"results/{wildcards.aoi}/stack.zarr"
