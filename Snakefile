# NISAR GCOV time series: from areas of interest in config/config.yaml to stacks, series and animations.
# Everything lands in results/{aoi}/ below the working directory; logs/ and benchmarks/results/ mirror it.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

sys.path.insert(0, str(Path(workflow.current_basedir) / "scripts"))
from gcov.config import check_yaml, read_config
from gcov.errors import GcovError
from gcov.granules import kept_names, local_file

min_version("9.0")
CONFIG = "config/config.yaml"
if not workflow.modifier.skip_configfile:  # as a module, another workflow has read its own
    try:
        check_yaml(CONFIG)
    except GcovError as error:
        raise WorkflowError(str(error)) from None


configfile: CONFIG


try:
    completed, aois = read_config(config)
except GcovError as error:
    raise WorkflowError(str(error)) from None
config.update(completed)

AOI_PRODUCTS = ["granules.csv", "stack.zarr", "location.png", "location.geojson"]
TERM_PRODUCTS = [
    "histogram_db.csv",
    "histogram_db.png",
    "histogram_power.csv",
    "histogram_power.png",
    "mean_series.csv",
    "mean_series.png",
    "stretch.json",
    "animation.gif",
    "animation.html",
    "animation_means.gif",
    "animation_means.html",
]


wildcard_constraints:
    aoi="|".join(aois),
    granule="[^/]+",
    term="HHHH|HVHV|VHVH|VVVV|LHLH|LVLV|RHRH|RVRV",  # backscatter: products exist for diagonal terms only
    quantity="db|power",
    movie="animation|animation_means",


localrules:
    all,
    verify,


onstart:
    # For its default limit of 100 starts a second Snakemake looks at all ready jobs again, once a second for every job
    # that has ended (PR 3744 of its project): 1000 jobs keep a core busy, and each run ends a second late.
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Compute nodes without internet: what touches the network runs beside snakemake, not in cluster jobs.
fetch_here = config["archive"]["fetch_on_submit_host"]

if fetch_here:

    localrules:
        search,
        clip,
        location,


def record(wildcards):
    """The record of a granule; asking for the checkpoint first makes the search run first."""
    checkpoints.search.get(aoi=wildcards.aoi)
    return f"results/{wildcards.aoi}/granules/{wildcards.granule}.json"


def fragments(aoi):
    """The fragments of an AOI's kept granules; offline and cheap, for it runs again on compute nodes."""
    records = checkpoints.search.get(aoi=aoi).output.records
    return [f"results/{aoi}/fragments/{name}.zarr" for name in kept_names(records)]


def stack_of(wildcards):
    """The AOI's stack; asking the checkpoint here keeps `-R search` from redoing products when it finds nothing new."""
    checkpoints.search.get(aoi=wildcards.aoi)
    return f"results/{wildcards.aoi}/stack.zarr"


rule all:
    """Every product of every AOI."""
    input:
        [f"results/{aoi}/{product}" for aoi in aois for product in AOI_PRODUCTS],
        lambda w: [fragment for aoi in aois for fragment in fragments(aoi)],
        [f"results/{aoi.name}/stack_db.zarr" for aoi in aois.values() if aoi.diagonal_terms],
        [
            f"results/{aoi.name}/{term}/{product}"
            for aoi in aois.values()
            for term in aoi.diagonal_terms
            for product in TERM_PRODUCTS
        ],


checkpoint search:
    """Which granules there are: the newest release of each acquisition. `-R search` looks again."""
    output:
        records=directory("results/{aoi}/granules"),
        table="results/{aoi}/granules.csv",
    log:
        "logs/{aoi}/search.log",
    benchmark:
        "benchmarks/results/{aoi}/search.tsv"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=20,
    params:
        bbox=lambda w: aois[w.aoi].bbox,
        polygon=lambda w: aois[w.aoi].polygon,
        entries=lambda w: aois[w.aoi].granules,
        asked=lambda w: aois[w.aoi].search,
        frequency=lambda w: aois[w.aoi].frequency,
        terms=lambda w: aois[w.aoi].terms,
    script:
        "scripts/search.py"


rule clip:
    """One granule's AOI: a window read from 2-7 GB, and the only rule that touches the archive's data."""
    input:
        record=record,
        local=lambda w: local_file(checkpoints.search.get(aoi=w.aoi).output.records, w.granule),
    output:
        directory("results/{aoi}/fragments/{granule}.zarr"),
    log:
        "logs/{aoi}/fragments/{granule}.log",
    benchmark:
        "benchmarks/results/{aoi}/fragments/{granule}.tsv"
    group:
        None if fetch_here else "clip"  # a grouped rule would not be local
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
        archive=lambda w, input: 0 if input.local else 1,  # bounded by the profile, whatever --cores says
    params:
        bbox=lambda w: aois[w.aoi].bbox,
        polygon=lambda w: aois[w.aoi].polygon,
        frequency=lambda w: aois[w.aoi].frequency,
        terms=lambda w: aois[w.aoi].terms,
    script:
        "scripts/clip.py"


rule stack:
    """All dates on one time axis, after checking that every sample of every granule lies on one lattice."""
    input:
        lambda w: fragments(w.aoi),
    output:
        directory("results/{aoi}/stack.zarr"),
    log:
        "logs/{aoi}/stack.log",
    benchmark:
        "benchmarks/results/{aoi}/stack.tsv"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=30,
    script:
        "scripts/stack.py"


rule stack_db:
    """Backscatter in dB, for eyes and for tools that want it so."""
    input:
        stack_of,
    output:
        directory("results/{aoi}/stack_db.zarr"),
    log:
        "logs/{aoi}/stack_db.log",
    benchmark:
        "benchmarks/results/{aoi}/stack_db.tsv"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        valid_samples_only=lambda w: aois[w.aoi].valid_samples_only,
    script:
        "scripts/stack_db.py"


rule summarize:
    """Histograms, mean series and the animations' stretch, from one pass over the stack."""
    input:
        stack_of,
    output:
        histogram_db="results/{aoi}/{term}/histogram_db.csv",
        histogram_power="results/{aoi}/{term}/histogram_power.csv",
        mean_series="results/{aoi}/{term}/mean_series.csv",
        stretch="results/{aoi}/{term}/stretch.json",
    log:
        "logs/{aoi}/{term}/summarize.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/summarize.tsv"
    group:
        "figures"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        valid_samples_only=lambda w: aois[w.aoi].valid_samples_only,
    script:
        "scripts/summarize.py"


rule plot_histogram:
    """What values there are, in dB or in power."""
    input:
        counts="results/{aoi}/{term}/histogram_{quantity}.csv",
        series="results/{aoi}/{term}/mean_series.csv",
        stack=stack_of,
    output:
        report(
            "results/{aoi}/{term}/histogram_{quantity}.png",
            caption="report/histogram.rst",
            category="{aoi}",
            labels={"term": "{term}", "figure": "histogram, {quantity}"},
        ),
    log:
        "logs/{aoi}/{term}/histogram_{quantity}.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/histogram_{quantity}.tsv"
    group:
        "figures"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        valid_samples_only=lambda w: aois[w.aoi].valid_samples_only,
    script:
        "scripts/plot_histogram.py"


rule plot_mean_series:
    """How the AOI's mean backscatter went, in power and in dB."""
    input:
        series="results/{aoi}/{term}/mean_series.csv",
        stack=stack_of,
    output:
        report(
            "results/{aoi}/{term}/mean_series.png",
            caption="report/mean_series.rst",
            category="{aoi}",
            labels={"term": "{term}", "figure": "mean series"},
        ),
    log:
        "logs/{aoi}/{term}/mean_series.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/mean_series.tsv"
    group:
        "figures"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        valid_samples_only=lambda w: aois[w.aoi].valid_samples_only,
    script:
        "scripts/plot_mean_series.py"


rule animation:
    """The dB image date by date, alone or beside the growing mean series."""
    input:
        stack=stack_of,
        series="results/{aoi}/{term}/mean_series.csv",
        stretch="results/{aoi}/{term}/stretch.json",
    output:
        gif=report(
            "results/{aoi}/{term}/{movie}.gif",
            caption="report/animation.rst",
            category="{aoi}",
            labels={"term": "{term}", "figure": "{movie}"},
        ),
        page="results/{aoi}/{term}/{movie}.html",
    log:
        "logs/{aoi}/{term}/{movie}.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/{movie}.tsv"
    group:
        "figures"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        valid_samples_only=lambda w: aois[w.aoi].valid_samples_only,
        with_means=lambda w: w.movie == "animation_means",
    script:
        "scripts/animation.py"


rule location:
    """Where the AOI lies in its granules."""
    input:
        lambda w: fragments(w.aoi),
    output:
        geojson="results/{aoi}/location.geojson",
        picture=report(
            "results/{aoi}/location.png",
            caption="report/location.rst",
            category="{aoi}",
            labels={"term": "", "figure": "location"},
        ),
    log:
        "logs/{aoi}/location.log",
    benchmark:
        "benchmarks/results/{aoi}/location.tsv"
    conda:
        "envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=15,
    params:
        basemap=lambda w: config["basemap"],  # not the text itself: its {z} would be taken for a wildcard
    script:
        "scripts/location.py"


# Read every chunk of every store; what is damaged is named and removed. Only when asked for: `snakemake verify`.
rule verify:
    log:
        "logs/verify.log",
    conda:
        "envs/gcov.yaml"
    script:
        "scripts/verify.py"
