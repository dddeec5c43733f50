# NISAR GCOV time series: from areas of interest in config/config.yaml to stacks, series and animations.
# Results are written to results/{aoi}/ in the working directory; logs/ and benchmarks/results/ mirror its layout.

from snakemake.utils import min_version

min_version("9.10")


report: "report/workflow.rst"


include: "scripts/configuration.smk"  # config -> aois
include: "rules/storage.smk"  # results in a bucket
include: "rules/common.smk"  # wildcards, helpers shared by the rules
include: "rules/scheduler.smk"  # two workarounds for Snakemake 9
include: "rules/guards.smk"  # safeguards for runs without profiles/default
include: "rules/granules.smk"  # search, clip
include: "rules/stack.smk"  # stack, stack_db, verify
include: "rules/series.smk"  # summarize, looks, zones, statistics, indices
include: "rules/change.smk"  # change between two periods, change over all dates, speckle filter
include: "rules/releases.smk"  # on request: superseded granules, what a release changed
include: "rules/figures.smk"  # histograms, mean series, animations, map
include: "rules/analysis_figures.smk"  # zones, statistics, indices, change
include: "rules/export.smk"  # GeoTIFFs and STAC
include: "rules/page.smk"  # explore, index


rule all:
    """Every product of every AOI, and the page that links to all of them."""
    default_target: True
    input:
        [products(aoi) for aoi in aois.values()],
        rules.index.output,
        rules.catalog.output if any(aoi.geotiff for aoi in aois.values()) else [],
        # The stack already depends on the fragments. Listing them here makes a removed or damaged fragment again.
        lambda w: [fragment for aoi in aois for fragment in fragments(aoi)],
