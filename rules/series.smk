# Tables and per-pixel products: each takes one pass over a stack.


rule summarize:
    """Histograms, mean series and the grey-scale limits of the animations, from one pass over the stack."""
    input:
        stack=stack_of,
        rainfall=rainfall,
    output:
        histogram_db=reported("results/{aoi}/{term}/histogram_db.csv", "table: histogram, db"),
        histogram_power=reported("results/{aoi}/{term}/histogram_power.csv", "table: histogram, power"),
        mean_series=reported("results/{aoi}/{term}/mean_series.csv", "table: mean series"),
        stretch="results/{aoi}/{term}/stretch.json",
        speckle="results/{aoi}/{term}/speckle.json",
        no_echo="results/{aoi}/{term}/no_echo.csv",
    log:
        "logs/{aoi}/{term}/summarize.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/summarize.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        contents_of("rainfall"),
        **stack_settings("baseline"),
    script:
        "../scripts/summarize.py"


register(
    rules.summarize,
    "Mean series",
    words="Mean backscatter of the AOI on each date, with its error, spread and noise floor.",
    outputs=rules.summarize.output[2:],
    cost=Measured(0.9, 0.065, 160),
)
register(
    rules.summarize,
    "Histograms",
    words="How often each backscatter occurs, over all dates, in dB and in power.",
    outputs=rules.summarize.output[:2],
)


rule dates:
    """What is known of each date: its granules, releases, processing and quality."""
    input:
        stack=stack_of,
        series=lambda w: per_term(w.aoi, "mean_series.csv"),
        no_echo=lambda w: per_term(w.aoi, "no_echo.csv"),
    output:
        reported("results/{aoi}/dates.csv", "table: dates"),
    log:
        "logs/{aoi}/dates.log",
    benchmark:
        "benchmarks/results/{aoi}/dates.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=300,
        runtime=10,
    script:
        "../scripts/dates.py"


register(rules.dates, "Dates", cost=Measured(0.8, 0, 130))


rule looks:
    """The equivalent number of looks. Made only if a requested product needs it."""
    input:
        after_search,
        lambda w: per_term(w.aoi, "speckle.json"),
    output:
        "results/{aoi}/looks.json",
    log:
        "logs/{aoi}/looks.log",
    benchmark:
        "benchmarks/results/{aoi}/looks.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=300,
        runtime=10,
    params:
        **settings_of("looks", "multilook"),
        terms=setting("diagonal_terms"),
    script:
        "../scripts/looks.py"


register(rules.looks, "Number of looks", wanted=needs_looks, cost=Measured(0.8, 0, 130))


rule zones:
    """The mean series of each zone, with the columns of the AOI's mean series."""
    input:
        stack=stack_of,
        looks_json="results/{aoi}/looks.json",
        zones=lambda w: required("zones")(w) and zones_of(w),
        rainfall=rainfall,
    output:
        csv="results/{aoi}/{term}/zones.csv",
        parquet="results/{aoi}/{term}/zones.parquet",
    log:
        "logs/{aoi}/{term}/zones.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/zones.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=60,
    params:
        contents_of("zones", "rainfall"),
        **stack_settings("zone_name", "point_size", "baseline"),
    script:
        "../scripts/zones.py"


register(rules.zones, "Zones", key="zones", cost=Measured(2.5, 0.03, 420))


rule temporal_statistics:
    """Per-pixel mean, variation, range and percentiles over time."""
    input:
        stack=stack_of,
        series="results/{aoi}/{term}/mean_series.csv",
        looks_json="results/{aoi}/looks.json",
    output:
        directory("results/{aoi}/{term}/statistics.zarr"),
    log:
        "logs/{aoi}/{term}/statistics.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/statistics.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=60,
    params:
        **stack_settings("multilook", "min_valid_fraction"),
    script:
        "../scripts/temporal_statistics.py"


register(rules.temporal_statistics, "Statistics over time", key="statistics", cost=Measured(2.0, 0.045, 400))


rule indices:
    """Ratios of averaged covariance terms, as images and as series."""
    input:
        stack=stack_of,
        looks_json="results/{aoi}/looks.json",
        zones=zones_of,
    output:
        images=directory("results/{aoi}/indices.zarr"),
        table="results/{aoi}/indices.csv",
    log:
        "logs/{aoi}/indices.log",
    benchmark:
        "benchmarks/results/{aoi}/indices.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=60,
    params:
        contents_of("zones"),
        **stack_settings("zone_name", "point_size", "multilook"),
        indices=required("indices"),
        terms=setting("diagonal_terms"),
    script:
        "../scripts/indices.py"


register(rules.indices, "Radar indices", key="indices", cost=Measured(1.5, 0.12, 400))
