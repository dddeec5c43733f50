# Everything that touches the network: which granules there are, and the AOI's part of each.


checkpoint search:
    """Which granules there are: the newest release of each acquisition. `-R search` looks again."""
    output:
        records=directory("results/{aoi}/granules"),
        table=report(
            "results/{aoi}/granules.csv",
            caption="../report/table.rst",
            category="{aoi}",
            labels={"figure": "table: granules", "term": "-"},
        ),
    log:
        "logs/{aoi}/search.log",
    benchmark:
        "benchmarks/results/{aoi}/search.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=20,
    params:
        bbox=setting("bbox"),
        polygon=setting("polygon"),
        listed=setting("granules"),
        query=setting("search"),
        frequency=setting("frequency"),
        terms=setting("names"),
    script:
        "../scripts/search.py"


register(rules.search.output.table)


rule clip:
    """One granule's AOI: a window read from 2-7 GB, and the only rule that touches the archive's data."""
    input:
        record=record,
        local=local,
    output:
        directory("results/{aoi}/fragments/{granule}.zarr"),
    log:
        "logs/{aoi}/fragments/{granule}.log",
    benchmark:
        "benchmarks/results/{aoi}/fragments/{granule}.tsv"
    group:
        None if fetch_here else "clip"  # a grouped rule would not be local
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
        archive=lambda w, input: 0 if input.local else 1,  # bounded by the profile, whatever --cores says
    params:
        bbox=setting("bbox"),
        polygon=setting("polygon"),
        frequency=setting("frequency"),
        terms=setting("names"),
    script:
        "../scripts/clip.py"
