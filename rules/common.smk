# Shared by the rules: the register of products, wildcards, settings of an AOI, the result of the search.

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import gcov
from gcov import releases
from gcov.granules import check_records, kept_names, local_file, names_by_day, read_record, read_table
from gcov.indices import name_of_index
from gcov.inputs.contents import digest
from gcov.inputs.work import Measured, Work
from gcov.stores.origin import is_replaced
from snakemake import io as snakemake_io
from snakemake.exceptions import IncompleteCheckpointException

# Jobs import the modules that the rules have imported, even if another copy is installed: Snakemake puts the folder of
# a script last in sys.path.
modules = [str(Path(gcov.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys(filter(None, modules))))

PRODUCTS = []
FIGURE = Measured(1.5, 0, 350)  # the cost of drawing a figure, whatever its size
BESIDE = (".rst", ".qml")  # ends of names of files that only captions or QGIS read beside others
VALUES = {  # of wildcards, in every AOI alike
    "test": ["p_value", "change"],  # layers of a change product, besides its log-ratio
    "summary": ["p_value", "n_changes", "first_change", "last_change", "largest_change"],  # of the change history
}


class Product(NamedTuple):
    """What a rule makes for an AOI. `all`, the GeoTIFFs, `explain` and the page's list of files follow from it."""

    maker: Any  # the rule
    name: str  # a heading; rules with the same name share a row on the page and an entry in the gallery
    words: str | None = None  # one sentence, that of the first with this name; default: the rule's docstring
    outputs: Any = None  # those that users ask for; default: all but BESIDE
    key: str | None = None  # the setting that asks for it; default: every AOI gets it
    wanted: Any = None  # a function of an AOI: whether it gets it, if the key alone does not say so
    geotiff: str | None = None  # the word below `geotiff:` that asks for it, too; it comes with the STAC catalogue
    cost: Measured | None = None  # of one job. None for the search, which has run before, or if stated already
    layers: str = "diagonal_terms"  # what of an AOI a job reads that is neither a GeoTIFF's nor for one term

    @property
    def sentence(self):
        """What it is, in words."""
        return self.words or self.maker.rule.docstring

    @property
    def files(self):
        """The paths of its files, with wildcards."""
        every = expand(written(self.outputs or self.maker.output), allow_missing=True)
        return [path for path in every if not path.endswith(BESIDE)] or every

    @property
    def each(self):
        """What one job makes it for: a day, a granule, or an AOI with all its dates."""
        return next((one for one in ("day", "granule") if f"{{{one}}}" in self.files[0]), "aoi")

    def is_requested(self, aoi):
        """Whether an AOI requests it."""
        asked = self.wanted(aoi) if self.wanted else self.key is None or getattr(aoi, self.key)
        return asked and (self.geotiff is None or self.geotiff in aoi.geotiff)

    def paths(self, aoi, files=None, **searched):
        """Its files for an AOI. `searched` are the values of wildcards that only a search tells."""
        own = {"aoi": aoi.name, "term": aoi.diagonal_terms, "name": list(aoi.changes)}
        own["index"] = [name_of_index(index) for index in aoi.indices]
        return expand(files or self.files, **own, **VALUES, **searched)

    def work(self, aoi):
        """What the rule does for an AOI. A GeoTIFF's job and one with a term in its path read one layer."""
        jobs = len(self.paths(aoi, self.files[0], day="day", granule="granule"))
        layers = 1 if self.geotiff or "{term}" in self.files[0] else len(getattr(aoi, self.layers))
        return Work(self.maker.rule.name, jobs, layers, self.each, self.cost)


def register(maker, name, **more):
    """Announce a product: see the fields of Product."""
    PRODUCTS.append(Product(maker, name, **more))


def requested(aoi):
    """The products that an AOI requests."""
    return [one for one in PRODUCTS if one.is_requested(aoi)]


def products(aoi):
    """Every result of an AOI but fragments and GeoTIFFs, because only a search tells granules and dates."""
    return [path for one in requested(aoi) if one.each == "aoi" and not one.geotiff for path in one.paths(aoi)]


def geotiffs(wildcards):
    """The GeoTIFFs that an AOI requests, for all dates."""
    aoi = aois[wildcards.aoi]
    return [path for one in requested(aoi) if one.geotiff for path in one.paths(aoi, day=days(aoi.name))]


def work(aoi):
    """What each rule does for an AOI, for the estimate of its cost."""
    return [one.work(aoi) for one in requested(aoi) if one.cost]


wildcard_constraints:
    **{wildcard: "|".join(values) for wildcard, values in VALUES.items()},
    aoi="|".join(aois),
    granule="[^/]+",
    term="HHHH|HVHV|VHVH|VVVV|LHLH|LVLV|RHRH|RVRV",  # backscatter: products exist for diagonal terms only
    name="[A-Za-z0-9_-]+",


# For compute nodes without internet: jobs that need the network run where snakemake runs, not as cluster jobs.
fetch_here = settings.archive.fetch_on_submit_host


def growing(number):
    """A resource that grows with each attempt, for a job that a cluster ended at its limit and that is tried again."""
    return lambda wildcards, attempt: number * attempt


def setting(key):
    """A setting of the job's AOI, as a parameter of the rule."""
    return lambda wildcards: getattr(aois[wildcards.aoi], key)


def settings_of(*keys):
    """Settings of the job's AOI, as parameters of the rule."""
    return {key: setting(key) for key in keys}


def stack_settings(*keys):
    """The settings of the job's AOI that say which samples of a stack count, and those named, as parameters."""
    return settings_of("valid_samples_only", "looks", *keys)


def reported(path, label, caption="table"):
    """An output that the report shows under its AOI, and with its term, if it has one; see report/{caption}.rst."""
    labels = {"figure": label, "term": "{term}" if "{term}" in path else "-"}
    return report(path, caption=f"../report/{caption}.rst", category="{aoi}", labels=labels)


def figure(path, label, caption):
    """A drawing rule's outputs: the PNG in the report, and beside it the formats that `figure_formats` adds."""
    other = [path.removesuffix("png") + kind for kind in settings.figure_formats if kind != "png"]
    return [reported(path, label, caption), *other]


def searched(aoi):
    """What the search of an AOI has found. Until it has run, this makes Snakemake run it first."""
    keep_no_merged_groups()
    warn_of_missing_guards()
    warn_of_until()
    check_options()
    try:
        return checkpoints.search.get(aoi=aoi).output
    except IncompleteCheckpointException as search:
        found, _ = rules.search.rule.expand_output({"aoi": aoi})
        as_target = getattr(snakemake_io, "checkpoint_target", None)  # inside of Snakemake, which may change
        if as_target and os.path.isdir(found.records) and not os.path.exists(found.table):
            # Snakemake asks for the first output alone, and would take the folder that is there for the input
            search.targetfile = as_target(found.table)
        raise


def records_of(aoi):
    """The folder of an AOI's records, to read while jobs are planned."""
    found = searched(aoi)
    return copy_of_records(aoi) if in_bucket else checked_records(found.records, found.table)


@cache
def checked_records(folder, table):
    """The folder of records, once they have been compared with granules.csv."""
    if main_process:
        check_records(folder, table)
    return folder


def table_of(aoi):
    """An AOI's granules.csv, to read while jobs are planned."""
    found = searched(aoi).table
    return copy_of_records(aoi).with_name("granules.csv") if in_bucket else found


def after_search_of(path):
    """A result of the search as an input whose time does not count, because each search writes it again."""

    def result(wildcards):
        searched(wildcards.aoi)
        return ancient(path.format(**wildcards))

    return result


def record(wildcards):
    """The record of a granule. Reading the checkpoint first makes the search run first.

    Each search rewrites all records, and addresses may change. `ancient` ignores both, because the name identifies a
    granule. No granule is fetched again, even if results were copied without `.snakemake`.
    """
    searched(wildcards.aoi)
    return ancient(f"results/{wildcards.aoi}/granules/{wildcards.granule}.json")


def granule_file(wildcards):
    """The granule's local file, if it has one: a file that was replaced is read again, even by an older one.

    Snakemake takes braces for wildcards, and they cannot be escaped: where a path holds some, the folder of records
    stands in for it.
    """
    if in_bucket:  # local granules are refused
        return []
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
    file = read_record(record).path if main_process and record.exists() else None
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
    return [f"results/{aoi}/fragments/{name}.zarr" for name in kept_names(records_of(aoi))]


@cache  # called by the jobs of every date
def days_of_records(folder):
    """The granules of each date, keyed by the date as written in file names."""
    return names_by_day(folder)


def days(aoi):
    """The granules of each date of an AOI, keyed by the date as written in file names."""
    return days_of_records(str(records_of(aoi)))


def check_term(wildcards):
    """Refuse a product of a term that the configuration does not name, before anything is fetched."""
    term, terms = wildcards.get("term"), aois[wildcards.aoi].diagonal_terms
    if term and term not in terms:
        known = ", ".join(terms) or "none"
        raise WorkflowError(f"{wildcards.aoi} has no diagonal term {term} in the configuration; it has {known}")


def fragments_of_day(wildcards):
    """The fragments of one date."""
    check_term(wildcards)
    dates = days(wildcards.aoi)
    if wildcards.day not in dates:
        raise WorkflowError(f"{wildcards.aoi} has no date {wildcards.day}; it has {', '.join(dates)}")
    return [f"results/{wildcards.aoi}/fragments/{name}.zarr" for name in dates[wildcards.day]]


def after_search(wildcards):
    """No input: it lets rules that read products alone wait for the search, for the reason given in `stack_of`."""
    searched(wildcards.aoi)
    return []


def first_fragments(wildcards):
    """The fragments of an AOI's first date, which a new date does not change."""
    return [f"results/{wildcards.aoi}/fragments/{name}.zarr" for name in next(iter(days(wildcards.aoi).values()))]


def stack_of(wildcards):
    """The AOI's stack. Reading the checkpoint keeps `-R search` from remaking products if it finds nothing new."""
    check_term(wildcards)
    searched(wildcards.aoi)
    return f"results/{wildcards.aoi}/stack.zarr"


def files_by_product(wildcards):
    """Name, words and files of the AOI's products, as its page shows them: what people open, but for the page itself."""
    folder = f"results/{wildcards.aoi}/"
    rows = {}
    for one in requested(aois[wildcards.aoi]):
        if one.each == "aoi" and not one.geotiff:
            paths = [str(path).rpartition(folder)[2] for path in one.paths(aois[wildcards.aoi])]
            shown = [path for path in paths if path != "explore.html" and not path.endswith((".zarr", ".json", ".rst"))]
            rows.setdefault(one.name, (one.name, one.sentence, []))[2].extend(shown)
    return [row for row in rows.values() if row[2]]


def own_file(aoi, key):
    """A file that an AOI's configuration may name, as an input. With a bucket, its copy there.

    `local` keeps a module's prefix away from relative paths.
    """
    path = getattr(aoi, key)
    return [] if not path else own_copy(aoi, key) if in_bucket else local(path)


def rainfall(wildcards):
    """The AOI's daily rain file, if it has one."""
    return own_file(aois[wildcards.aoi], "rainfall")


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
        needed = "a diagonal term such as HHHH in `terms:`" if key == "diagonal_terms" else f"`{key}:`"
        raise WorkflowError(f"{wildcards.aoi}: this product needs {needed} in the configuration")

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
    return own_file(aois[wildcards.aoi], "zones")


def reference_zones(wildcards):
    """The AOI's zone file, if one of its zones is the reference of changes."""
    return zones_of(wildcards) if isinstance(aois[wildcards.aoi].change_reference, dict) else []


def changes_by_reference(aoi):
    """The totals of an AOI's changes, by term, then name, if they hold the gain that a reference shows."""
    one = aois[aoi]
    paths = [f"results/{aoi}/{term}/change/{name}.json" for term in one.diagonal_terms for name in one.changes]
    return paths if one.change_reference else []


def per_term(aoi, name):
    """The file with this name for each diagonal term of an AOI."""
    return [f"results/{aoi}/{term}/{name}" for term in aois[aoi].diagonal_terms]


def changes_of(aoi, suffix):
    """The files with this suffix for each change and diagonal term of an AOI."""
    return [path for name in aois[aoi].changes for path in per_term(aoi, f"change/{name}.{suffix}")]


def of_history(aoi, name):
    """The file with this name of an AOI whose change history is requested."""
    return f"results/{aoi}/{name}" if aois[aoi].change_history else []


def patches_of(aoi):
    """The tables of an AOI's patches of change."""
    return [path for path in (of_history(aoi, "change_patches.csv"), *changes_of(aoi, "csv")) if path]


def tests_zones(aoi):
    """Whether zones are tested for change."""
    return aoi.zones and (aoi.changes or aoi.change_history)


def captions(wildcards):
    """What captions of a report say of the AOI's terms. An input without a name, which scripts do not receive."""
    return required("diagonal_terms")(wildcards) and per_term(wildcards.aoi, "caption.rst")


def needs_looks(aoi):
    """Whether a product that the AOI requests reads looks.json. A STAC catalogue states it if it is configured."""
    file = rules.looks.output[0]
    return any(file in one.maker.input and one.is_requested(aoi) for one in PRODUCTS) or (aoi.geotiff and aoi.looks)


def looks_of(wildcards):
    """The AOI's looks.json, if a requested product needs it."""
    return f"results/{wildcards.aoi}/looks.json" if needs_looks(aois[wildcards.aoi]) else []


def all_stacks(wildcards):
    """The stacks of all AOIs, once their searches have run."""
    for aoi in aois:
        searched(aoi)
    return expand("results/{aoi}/stack.zarr", aoi=aois)


def is_explored(aoi):
    """Whether an AOI gets the page explore.html."""
    return bool(aoi.diagonal_terms and aoi.explore_megabytes)


def released_again(aoi):
    """Granules of the acquisitions of an AOI that several releases hold: (superseded, used) for each pair."""
    return releases.compared(*read_table(table_of(aoi)))


def superseded(wildcards):
    """The granule of this name, if it is superseded and can be compared."""
    found = {granule.name: granule for granule, _ in released_again(wildcards.aoi)}
    if wildcards.granule not in found:
        known = ", ".join(found) or "none"
        raise WorkflowError(f"{wildcards.granule} is not a superseded granule of {wildcards.aoi}; these are {known}")
    return found[wildcards.granule]


def fragments_released_again(aoi, number, folder):
    """The fragments of the superseded (0) or used (1) granules of the pairs."""
    names = dict.fromkeys(pair[number].name for pair in released_again(aoi))
    return [f"results/{aoi}/{folder}/{name}.zarr" for name in names]
