"""The workarounds in rules/scheduler.smk, on the locked Snakemake."""

import pytest
from helpers import REPO
from runtime import snakemake

INCLUDE = f'include: "{REPO}/rules/scheduler.smk"'
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
from snakemake.jobs import GroupJobFactory
{include}

class Job:
    dag = SimpleNamespace(workflow=SimpleNamespace(execution_settings=SimpleNamespace(attempt=1)))

one, other, groups = Job(), Job(), GroupJobFactory()
groups.new("g", [one], None).merge(groups.new("g", [other], None))
print("JOBS", len(groups.new("g", [one], None).jobs))

rule one:
    output: touch("one")
"""


@pytest.mark.parametrize(("include", "jobs"), [("", 2), (INCLUDE, 1)])  # 2 no longer: then the workaround can go
def test_a_group_that_was_merged_is_not_used_again(include, jobs, tmp_path):
    (tmp_path / "Snakefile").write_text(GROUPS.format(include=include))
    done = snakemake("-s", str(tmp_path / "Snakefile"), "-d", str(tmp_path), "--cores", "1", "-n")
    assert f"JOBS {jobs}" in done.output, done.output
