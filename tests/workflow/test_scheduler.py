"""What the rules do with Snakemake's internals: the workarounds in rules/scheduler.smk, on the locked Snakemake."""

import re

import pytest
from helpers import REPO
from runtime import snakemake

INCLUDE = f"""
include: "{REPO}/rules/scheduler.smk"

def check_options():  # that of rules/storage.smk
    pass
"""
WORKFLOW = """
{include}

onsuccess:
    limiter = workflow.scheduler.job_rate_limiter
    print("LIMIT", limiter and (limiter.max_jobs, limiter.timespan))

rule one:
    output: touch("one")
"""


@pytest.mark.parametrize(
    ("include", "options", "limit"),
    [
        ("", [], "(100, 1.0)"),  # no longer: then the workaround can go
        (INCLUDE, [], "None"),
        (INCLUDE, ["--max-jobs-per-timespan", "5/2s"], "(5, 2.0)"),  # a user's own limit is kept
    ],
)
def test_only_snakemakes_default_limit_of_job_starts_is_taken_away(include, options, limit, tmp_path):
    (tmp_path / "Snakefile").write_text(WORKFLOW.format(include=include))
    done = snakemake("-s", str(tmp_path / "Snakefile"), "-d", str(tmp_path), "--cores", "1", *options)
    assert f"LIMIT {limit}" in done.output, done.output


GROUPS = """
from types import SimpleNamespace
{include}

class Job:
    dag = SimpleNamespace(workflow=SimpleNamespace(execution_settings=SimpleNamespace(attempt=1)))

def groups_of_jobs(wildcards):
    if "keep_no_merged_groups" in globals():
        keep_no_merged_groups()
    one, other, groups = Job(), Job(), workflow.dag.group_job_factory
    first = groups.new("g", [one], None)
    first.merge(groups.new("g", [other], None))
    third = groups.new("g", [other], None)
    third.toposorted = [[other]]  # as at the end of an update
    again = groups.new("g", [other], None)
    raise WorkflowError(f"JOBS {{len(groups.new('g', [one], None).jobs)}} SORTED {{again.is_toposorted}}")

rule one:
    input: groups_of_jobs
    output: touch("one")
"""


@pytest.mark.parametrize(
    ("include", "options", "seen"),
    [
        ("", ["--executor", "slurm"], "JOBS 2 SORTED True"),  # no longer: then the workaround can go
        (INCLUDE, ["--executor", "slurm"], "JOBS 1 SORTED False"),
        (INCLUDE, ["--dry-run"], "JOBS 1 SORTED False"),
        (INCLUDE, [], "JOBS 2 SORTED True"),  # without groups, Snakemake stays as it is
    ],
)
def test_a_group_that_was_merged_is_not_used_again(include, options, seen, tmp_path):
    (tmp_path / "Snakefile").write_text(GROUPS.format(include=include))
    jobs = ["--cores", "1", "--jobs", "1", *options]
    done = snakemake("-s", f"{tmp_path}/Snakefile", "-d", str(tmp_path), *jobs)
    assert seen in done.output, done.output


@pytest.mark.parametrize(("first", "seen"), [("", "JOBS 2 SORTED True"), ("deployed = True\n", "JOBS 1 SORTED False")])
def test_a_module_leaves_snakemake_as_it_is_but_in_a_folder_made_by_snakedeploy(first, seen, tmp_path):
    (tmp_path / "inner.smk").write_text(first + GROUPS.format(include=INCLUDE))
    (tmp_path / "Snakefile").write_text('module inner:\n    snakefile: "inner.smk"\n\nuse rule * from inner\n')
    done = snakemake("-s", f"{tmp_path}/Snakefile", "-d", str(tmp_path), "--cores", "1", "--dry-run")
    assert seen in done.output, done.output


RENAMED = """
import snakemake.dag, snakemake.jobs
import snakemake.scheduling.job_scheduler as scheduling

class Limiter:
    timespan = 1
    __init__ = register_jobs = lambda *_: None
    get_free_jobs = lambda _: 1

{renamed}
{include}

def begun(wildcards):
    keep_no_merged_groups()
    return "{after}" or []

rule one:
    input: begun
    output: touch("one")
"""


@pytest.mark.parametrize(
    ("renamed", "executor", "after", "end"),
    [
        ("scheduling.JobRateLimiter = Limiter", "local", "", "1 of 1 steps (100%) done"),
        ("del snakemake.jobs.GroupJob", "slurm", "MISSING", "MissingInputException"),
        ("del snakemake.jobs.GroupJob.toposorted", "slurm", "MISSING", "MissingInputException"),
        ("snakemake.dag.GroupJobFactory = Limiter", "slurm", "MISSING", "MissingInputException"),
    ],
)
def test_another_snakemake_runs_without_the_workarounds(renamed, executor, after, end, tmp_path):
    text = RENAMED.format(include=INCLUDE, renamed=renamed, after=after)
    (tmp_path / "Snakefile").write_text(text)
    jobs = ["--cores", "1", "--jobs", "1", "--executor", executor]
    done = snakemake("-s", f"{tmp_path}/Snakefile", "-d", str(tmp_path), *jobs)
    assert end in done.output and "Error in" not in done.output, done.output
    assert done.output.count("does not know this version of Snakemake") == 1, done.output


BARE = """
import sys

INTERNAL = {internal!r}

class Bare:
    def __getattr__(self, name):
        if name in INTERNAL:
            raise AttributeError(f"no {{name}}")
        if name == "snakefile":  # the file that asks
            return sys._getframe(1).f_code.co_filename
        return getattr(real, name)

real, workflow = workflow, Bare()

include: "{repo}/Snakefile"
"""


def test_a_snakemake_that_differs_inside_makes_the_same_results(aoi, analysis):
    rules = "".join(path.read_text() for path in [*REPO.glob("rules/*.smk"), REPO / "scripts/configuration.smk"])
    needed = {"snakefile", "source_path", "NAME"}
    internal = {*re.findall(r"\bworkflow\.(\w+)", rules), *re.findall(r'\binternal\("(\w+)', rules)} - needed
    assert {"modifier", "dag", "is_main_process", "dag_settings", "storage_settings"} <= internal
    analysis.configure({"aois": {"valley": aoi}, "terms": ["HHHH"], "basemap": None})
    (analysis.folder / "Snakefile").write_text(BARE.format(internal=internal, repo=REPO))
    output = analysis.run("-s", f"{analysis.folder}/Snakefile", "results/valley/granules.parquet")
    assert analysis.results("valley/granules.parquet") == ["valley/granules.parquet"]
    for name in ("is_main_process", "global_resources", "rerun_triggers", "dag_settings.until"):
        assert output.count(f"This Snakemake has no `workflow.{name}`") == 1, output
    assert "\nno dag\n" in output, "of the last lines of a run"
