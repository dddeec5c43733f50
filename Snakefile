# NISAR GCOV time series: from areas of interest in config/config.yaml to stacks, series and animations.
# Everything lands in results/{aoi}/ below the working directory; logs/ and benchmarks/results/ mirror it.

from snakemake.utils import min_version

min_version("9.0")


report: "report/workflow.rst"


include: "scripts/configuration.smk"  # config -> aois
include: "rules/common.smk"  # wildcards, what rules share
include: "rules/report.smk"  # what captions of `snakemake --report` tell
include: "rules/scheduler.smk"  # one workaround
include: "rules/guards.smk"  # what a run without profiles/default lacks
include: "rules/granules.smk"  # search, clip
include: "rules/stack.smk"  # stack, stack_db, verify
include: "rules/series.smk"  # summarize, looks, zones, statistics, indices
include: "rules/change.smk"  # two periods, all dates, speckle filter
include: "rules/figures.smk"  # histograms, mean series, animations, map
include: "rules/analysis_figures.smk"  # zones, statistics, indices, change
include: "rules/export.smk"  # GeoTIFFs and STAC
include: "rules/page.smk"  # explore, index


rule all:
    """Every product of every AOI, and the page that leads to them."""
    default_target: True
    input:
        [products(aoi) for aoi in aois.values()],
        rules.index.output,
        # although the stack depends on them: a fragment that was removed or found damaged is made again
        lambda w: [fragment for aoi in aois for fragment in fragments(aoi)],
