"""What the cluster did, stage by stage: submissions, wait and run time, from what slurmctld remembers (no accounting).

    python tests/slurm/report.py [RUN_ID ...]

A run's ID is in Snakemake's output ("SLURM run ID"); without one, every job that `scontrol show job` still knows.
"""

import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from statistics import median


@dataclass(frozen=True)
class Submission:
    """One Slurm job that has ended; `stage` is a rule or a group of rules, times are in seconds."""

    stage: str
    state: str
    wait: float
    run: float
    cpus: int
    memory: str
    limit: str


def submissions(run_ids: list[str]) -> list[Submission]:
    """The finished jobs of the given runs of Snakemake, in order of submission."""
    listing = subprocess.run(["scontrol", "show", "job", "-o"], stdout=subprocess.PIPE, text=True, check=True).stdout
    jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in listing.splitlines()]
    jobs = [job for job in jobs if job.get("Comment") and job["EndTime"] != "Unknown"]
    ours = [job for job in jobs if not run_ids or job["JobName"] in run_ids]
    return [parse(job) for job in sorted(ours, key=lambda job: int(job["JobId"]))]


def parse(job: dict[str, str]) -> Submission:
    """A submission from scontrol's fields of a job."""
    submit, start, end = (datetime.fromisoformat(job[key]) for key in ("SubmitTime", "StartTime", "EndTime"))
    return Submission(
        stage=stage_of(job["Comment"]),
        state=job["JobState"],
        wait=(start - submit).total_seconds(),
        run=(end - start).total_seconds(),
        cpus=int(job["NumCPUs"]),
        memory=re.search(r"mem=(\w+)", job["TRES"])[1],
        limit=job["TimeLimit"],
    )


def stage_of(comment: str) -> str:
    """The rule or group in the comment that Snakemake's executor gives a job.

    >>> stage_of("rule_stack_db_wildcards_pokhara"), stage_of("rule_clip_clip")
    ('stack_db', 'clip')
    """
    rule, wildcards, _ = comment.removeprefix("rule_").partition("_wildcards_")
    return rule if wildcards else rule.split("_")[0]  # of a group: its name, then its rules


def table(done: list[Submission]) -> str:
    """One line per stage, and one for the total."""
    stages = defaultdict(list)
    for submission in done:
        stages[submission.stage].append(submission)
    form = "{:<10} {:>11} {:>15} {:>14} {:>5} {:>7} {:>10}"
    lines = [form.format("stage", "submissions", "wait (max), s", "run (max), s", "CPUs", "memory", "time limit")]
    for stage, jobs in stages.items():
        wait, run = ([getattr(job, key) for job in jobs] for key in ("wait", "run"))
        largest = max(jobs, key=lambda job: (job.cpus, job.limit))
        lines.append(
            form.format(
                stage,
                len(jobs),
                f"{median(wait):.0f} ({max(wait):.0f})",
                f"{median(run):.0f} ({max(run):.0f})",
                largest.cpus,
                largest.memory,
                largest.limit,
            )
        )
    failed = sum(job.state != "COMPLETED" for job in done)
    return "\n".join([*lines, f"{len(done)} submissions" + (f", {failed} not completed" if failed else "")])


if __name__ == "__main__":
    print(table(submissions(sys.argv[1:])))
