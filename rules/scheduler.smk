# Workaround for Snakemake 9: with any limit on job starts, its scheduler looks at all ready jobs once more for every
# job that has ended, a second later: 1000 jobs keep a core busy, and each run ends a second late. The default limit
# (100 starts a second) cannot be switched off by an option, so it is taken away here. Compare
# https://github.com/snakemake/snakemake/pull/3744


onstart:
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
