# Results in a bucket, in force only with --default-storage-provider: see docs/cloud.md. Snakemake puts outputs into the
# bucket, and brings inputs to the machine that runs a job. Of other files, no machine sees those of another.

import shutil
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from gcov.granules import NOT_COMPARED, read_table, write_records
from snakemake.exceptions import WorkflowError

PLUGIN = "0.3.6"  # of snakemake-storage-plugin-s3
in_bucket = internal("storage_settings.default_storage_provider", None) is not None
bucket_prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip(os.sep) if in_bucket else ""


def refuse(reason):
    """End the run before it begins: with a bucket, something would go wrong unseen."""
    raise WorkflowError(f"--default-storage-provider: {reason}; see docs/cloud.md")


def check_storage():
    """Refuse what does not work, or is not safe, with results in a bucket."""
    if as_module:
        refuse("as a module of another workflow, results in a bucket are not supported")
    if workflow.storage_settings.default_storage_provider != "s3":
        refuse("only the storage provider s3 is supported")
    if not bucket_prefix.startswith("s3://") or len(bucket_prefix) == len("s3://"):
        refuse("--default-storage-prefix must be an address such as s3://BUCKET/FOLDER")
    for aoi in aois.values():
        for entry in aoi.granules:
            if not entry.startswith(("s3://", "https://", "http://")):
                refuse(
                    f"{aoi.name}: the nodes do not see the local granules {entry!r}; put them into a bucket (s3://...)"
                )
        if aoi.zones and Path(aoi.zones).suffix.lower() == ".shp":
            refuse(f"{aoi.name}: {aoi.zones} is one of several files; save the zones as GeoJSON or GeoPackage")


@cache
def check_options():
    """Refuse options that do not fit results in a bucket. Called when the DAG is begun: earlier they are not known."""
    if not (in_bucket and main_process):
        return
    if workflow.execution_settings and workflow.execution_settings.keep_incomplete:
        refuse("keep-incomplete would keep half a store: the objects of a folder are uploaded one by one")
    on_other_disks = "SOURCES" not in names(workflow.storage_settings.shared_fs_usage)
    if on_other_disks and os.path.relpath(workflow.main_snakefile).startswith(".."):
        refuse("run it in the folder of the Snakefile, without -d: only files of that folder are sent to the nodes")
    if on_other_disks or not workflow.local_exec:
        check_secrets()


def check_secrets():
    """Refuse options that write secrets into the scripts of jobs."""
    remote = workflow.remote_execution_settings  # none in a run without jobs, such as `--report`
    if remote and remote.envvars:
        refuse("--envvars writes the values of variables, such as a token, into job scripts: set them on the nodes")
    provider = workflow.storage_registry.default_storage_provider
    if any(getattr(provider.settings, name, None) for name in ("access_key", "secret_key", "token")):
        refuse("the keys of --storage-s3-* are written into job scripts: use a role, or ~/.aws on the nodes")


def written(paths):
    """Paths of outputs as the rules write them: with a bucket, `rules.NAME.output` are those of local copies."""
    paths = [paths] if isinstance(paths, str) else paths
    if not in_bucket:
        return paths
    from snakemake.io import get_flag_value, strip_wildcard_constraints

    objects = [get_flag_value(path, "storage_object") for path in paths]
    return [
        strip_wildcard_constraints(one.query)[len(bucket_prefix) + 1 :] if one else path
        for one, path in zip(objects, paths)
    ]


def in_storage(path):
    """The object, or the objects below it, of a path in the results."""
    return workflow.storage_registry.default_storage_provider.object(f"{bucket_prefix}/{path}")


def copy_of_records(aoi):
    """A folder of the records of an AOI's granules, of this process alone, made from granules.csv in the bucket.

    A local copy of the folder would be none before the first search, or that of another run, and would be read as if
    granules were missing. One small file is fetched instead of one per granule, again if a search has written it.
    """
    if in_storage(f"results/{aoi}/granules/{NOT_COMPARED}").exists():
        refuse(f"{aoi}: without a token, the search could not compare the grids of frames; run `-R search` with one")
    table = f"results/{aoi}/granules.csv"
    folder = Path(own_copies.name) / aoi / str(in_storage(table).mtime())
    if not folder.exists():
        folder.mkdir(parents=True)
        write_records(folder / "granules", read_table(fetched(table, folder / "granules.csv"))[0])
    return folder / "granules"


def fetched(path, to):
    """Copy a file from the bucket to a local path."""
    found = in_storage(path)
    found.set_local_path(to)
    found.retrieve_object()
    return to


def nothing_in_a_bucket(wildcards):
    """For `verify`, which reads the stores on this machine's disk: with a bucket, it would find none, and so no damage."""
    if in_bucket:
        refuse("verify reads stores on a disk: copy them with `aws s3 sync`, and run it there without this option")
    return []


def own_copy(aoi, key):
    """Where the bucket holds a file of the user's."""
    return f"results/{aoi.name}/own_files/{key}/{Path(getattr(aoi, key)).name}"


if in_bucket:
    own_copies = tempfile.TemporaryDirectory(prefix="gcov-")
    if main_process:
        check_storage()
    else:  # a clip on a node does not see the zones, which it would check early: the rules that read them do
        for entry in config["aois"].values():
            entry.pop("zones", None)

    from snakemake.io import is_flagged
    from snakemake.jobs import Job
    from snakemake_storage_plugin_s3 import StorageObject

    if (found := version("snakemake-storage-plugin-s3")) != PLUGIN:
        refuse(f"snakemake-storage-plugin-s3 {found} is installed; only {PLUGIN} was tried: `pip install` that one")

    # Three faults of this plugin. Snakemake adds the constraints of wildcards to a pattern after the plugin has noted
    # where its local copies are, so that any text would match.
    StorageObject.local_suffix = lambda self: os.path.normpath(self.query.removeprefix("s3://"))
    # It remembers that a folder is none from before its job ran, so that finished folders count as missing, and that it
    # is one after its removal.
    StorageObject.is_dir = lambda self: any(self.get_subkeys())
    # It downloads a folder into an older local copy, whose further files remain.
    download = StorageObject.retrieve_object

    def retrieve_object(self):
        if self.local_path().is_dir():
            shutil.rmtree(self.local_path())
        download(self)

    StorageObject.retrieve_object = retrieve_object

    # A fault of Snakemake 9: an output that its job updates, such as the ids of patches, is not brought to the machine.
    prepare = Job.prepare

    async def prepare_and_bring(self):
        for file in self.output:
            if is_flagged(file, "update") and await file.exists():
                await file.retrieve_from_storage()
        await prepare(self)

    Job.prepare = prepare_and_bring

    # A report brings the files that it shows, but not those that their captions include.
    create_report = workflow.create_report

    def bring_and_report(**arguments):
        import snakemake.report  # takes half a second

        auto_report = snakemake.report.auto_report

        async def with_captions(dag, *more):
            for file in (file for job in dag.jobs for file in job.output if file.endswith(".rst")):
                if await file.exists():
                    await file.retrieve_from_storage()
            await auto_report(dag, *more)

        snakemake.report.auto_report = with_captions
        create_report(**arguments)

    workflow.create_report = bring_and_report
