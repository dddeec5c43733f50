# The rules that read from the network: finding granules, and reading the AOI's part of each. With results in a bucket, the
# one that copies the user's own files there.


checkpoint search:
    """Find the granules and keep the newest release of each acquisition. `-R search` repeats the search."""
    output:
        records=directory("results/{aoi}/granules"),
        table=reported("results/{aoi}/granules.csv", "table: granules"),
    log:
        "logs/{aoi}/search.log",
    benchmark:
        "benchmarks/results/{aoi}/search.tsv"
    localrule: fetch_here
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=growing(20),
        archive=1,  # it opens a granule of each frame, if there are several
    params:
        **settings_of("bbox", "polygon"),
        listed=setting("granules"),
        query=setting("search"),
        frequency=setting("frequency"),
        terms=setting("names"),
    script:
        "../scripts/search.py"


register(
    rules.search,
    "Granules",
    words="Every granule found, and why those that are not used are left out.",
    outputs=rules.search.output.table,
)

# `use rule NAME from gcov with:` reads all files for that rule alone, and Snakemake registers no other checkpoint.
if not hasattr(checkpoints, "search"):
    checkpoints.register(rules.search.rule)


rule granules_parquet:
    """The table of granules with typed columns, for DuckDB, pandas and R. Every search rewrites granules.csv."""
    input:
        after_search_of("results/{aoi}/granules.csv"),
    output:
        "results/{aoi}/granules.parquet",
    log:
        "logs/{aoi}/granules_parquet.log",
    benchmark:
        "benchmarks/results/{aoi}/granules_parquet.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=300,
        runtime=10,
    params:
        lambda w: digest(table_of(w.aoi)),
    script:
        "../scripts/granules_parquet.py"


register(rules.granules_parquet, "Granules", cost=Measured(1, 0, 150))


rule clip:
    """Read the AOI's window from one granule of 2-7 GB. No other rule reads samples from the archive."""
    input:
        record=record,
        local=granule_file,
    output:
        directory("results/{aoi}/fragments/{granule}.zarr"),
    log:
        "logs/{aoi}/fragments/{granule}.log",
    benchmark:
        "benchmarks/results/{aoi}/fragments/{granule}.tsv"
    group:
        None if fetch_here else "clip"  # a grouped rule would not run locally
    localrule: fetch_here
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=growing(15),  # the archive may make it wait
        archive=lambda w, input: 0 if input.local else 1,  # limited by the profile, whatever --cores is set to
    params:
        **settings_of("bbox", "polygon", "frequency"),
        terms=setting("names"),
    script:
        "../scripts/clip.py"


register(
    rules.clip,
    "Fragments",
    words="The AOI's window of each granule, samples unchanged.",
    layers="names",
    cost=Measured(1.1, 0.07, 260),
)


rule geometry:
    """From where the radar saw the AOI: incidence angle, look side, heading, of the first date."""
    input:
        fragments=first_fragments,
        records=after_search_of("results/{aoi}/granules"),
    output:
        "results/{aoi}/geometry.json",
    log:
        "logs/{aoi}/geometry.log",
    benchmark:
        "benchmarks/results/{aoi}/geometry.tsv"
    localrule: fetch_here
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=growing(15),
        archive=1,
    script:
        "../scripts/geometry.py"


register(rules.geometry, "Viewing geometry", cost=Measured(1.2, 0, 250))


if in_bucket:

    rule own_file:
        """A copy in the bucket of a file that the configuration names, for nodes that do not see it."""
        input:
            lambda w: local(getattr(aois[w.aoi], w.key)),
        output:
            "results/{aoi}/own_files/{key}/{file}",
        wildcard_constraints:
            key="zones|rainfall",
            file="[^/]+",
        localrule: True
        shell:
            "cp {input:q} {output:q}"
