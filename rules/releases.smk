# What a release changed, on request: `snakemake --cores 4 results/AOI/release_steps.csv`. It fetches the AOI's window of
# granules that the series does not use, into a folder of their own.


rule record_of_superseded:
    """The record of a granule that the series does not use, because another release of its acquisition is used."""
    input:
        table=after_search_of("results/{aoi}/granules.csv"),
    output:
        "results/{aoi}/superseded/{granule}.json",
    log:
        "logs/{aoi}/superseded/{granule}_json.log",
    benchmark:
        "benchmarks/results/{aoi}/superseded/{granule}_json.tsv"
    localrule: True
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=200,
        runtime=5,
    script:
        "../scripts/record_of_superseded.py"


# the same job, with the same care for the token, as for granules that are used
use rule clip as clip_superseded with:
    input:
        record="results/{aoi}/superseded/{granule}.json",
        local=lambda w: [local(path) for path in superseded(w).files if "{" not in path],
    output:
        directory("results/{aoi}/superseded/{granule}.zarr"),
    log:
        "logs/{aoi}/superseded/{granule}.log",
    benchmark:
        "benchmarks/results/{aoi}/superseded/{granule}.tsv"
    localrule: fetch_here  # not inherited


rule release_steps:
    """What a release changed: the difference in dB of acquisitions that two releases hold, in the AOI and its zones."""
    input:
        superseded=lambda w: fragments_released_again(w.aoi, 0, "superseded"),
        used=lambda w: fragments_released_again(w.aoi, 1, "fragments"),
        zones=zones_of,
    output:
        "results/{aoi}/release_steps.csv",
    log:
        "logs/{aoi}/release_steps.log",
    benchmark:
        "benchmarks/results/{aoi}/release_steps.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=growing(800),
        runtime=60,
    params:
        contents_of("zones"),
        **settings_of("zone_name", "point_size"),
        counting=lambda w: {key: of(w) for key, of in stack_settings().items()},
        terms=required("diagonal_terms"),
    script:
        "../scripts/release_steps.py"
