# Figures of the analysis: zones, statistics, indices, change.


rule plot_zones:
    """The mean series of each zone."""
    input:
        "results/{aoi}/{term}/caption.rst",
        zones="results/{aoi}/{term}/zones.csv",
        stack=stack_of,
    output:
        picture=figure("results/{aoi}/{term}/zones.png", "3 zones", caption="zones"),
    log:
        "logs/{aoi}/{term}/plot_zones.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/plot_zones.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    params:
        **settings_of("valid_samples_only", "min_valid_fraction"),
    script:
        "../scripts/plot_zones.py"


register(rules.plot_zones, "Zones", key="zones", cost=FIGURE)


rule plot_statistics:
    """How much each pixel varies over time."""
    input:
        after_search,
        "results/{aoi}/{term}/caption.rst",
        statistics="results/{aoi}/{term}/statistics.zarr",
    output:
        picture=figure("results/{aoi}/{term}/statistics.png", "6 statistics", caption="statistics"),
        warning="results/{aoi}/{term}/statistics_warning.rst",
    log:
        "logs/{aoi}/{term}/plot_statistics.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/plot_statistics.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=15,
    params:
        valid_samples_only=setting("valid_samples_only"),
    script:
        "../scripts/plot_statistics.py"


register(rules.plot_statistics, "Statistics over time", key="statistics", cost=FIGURE)


rule plot_indices:
    """Series of the radar indices."""
    input:
        captions,
        indices="results/{aoi}/indices.csv",
        stack=stack_of,
    output:
        picture=figure("results/{aoi}/indices.png", "4 indices", caption="indices"),
    log:
        "logs/{aoi}/plot_indices.log",
    benchmark:
        "benchmarks/results/{aoi}/plot_indices.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    params:
        **settings_of("valid_samples_only", "min_valid_fraction"),
    script:
        "../scripts/plot_indices.py"


register(rules.plot_indices, "Radar indices", key="indices", cost=FIGURE)


rule plot_change:
    """Where a term changed between two periods, with the outlines of patches."""
    input:
        after_search,
        "results/{aoi}/{term}/caption.rst",
        change="results/{aoi}/{term}/change/{name}.zarr",
        summary="results/{aoi}/{term}/change/{name}.json",
        geojson="results/{aoi}/{term}/change/{name}.geojson",
        csv="results/{aoi}/{term}/change/{name}.csv",
    output:
        picture=figure("results/{aoi}/{term}/change/{name}.png", "5 change {name}", caption="change"),
        warning="results/{aoi}/{term}/change/{name}_warning.rst",
    log:
        "logs/{aoi}/{term}/change/{name}_png.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/change/{name}_png.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=15,
    params:
        valid_samples_only=setting("valid_samples_only"),
    script:
        "../scripts/plot_change.py"


register(rules.plot_change, "Change between two periods", key="changes", cost=FIGURE)


rule plot_change_history:
    """How often each pixel changed, and when and how much it changed most."""
    input:
        after_search,
        captions,
        history="results/{aoi}/change_history.zarr",
        geojson="results/{aoi}/change_patches.geojson",
        csv="results/{aoi}/change_patches.csv",
    output:
        picture=figure("results/{aoi}/change_history.png", "5 change history", caption="change_history"),
        warning="results/{aoi}/change_history_warning.rst",
    log:
        "logs/{aoi}/plot_change_history.log",
    benchmark:
        "benchmarks/results/{aoi}/plot_change_history.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=15,
    params:
        valid_samples_only=setting("valid_samples_only"),
    script:
        "../scripts/plot_change_history.py"


register(rules.plot_change_history, "Change over all dates", key="change_history", cost=FIGURE)


rule plot_zone_changes:
    """Which zones changed: when, by how many dB, and how sure."""
    input:
        captions,
        table="results/{aoi}/zone_changes.csv",
        zones=lambda w: per_term(w.aoi, "zones.csv"),
        series=lambda w: per_term(w.aoi, "mean_series.csv"),
        stack=stack_of,
    output:
        picture=figure("results/{aoi}/zone_changes.png", "5 zone changes", caption="plot_zone_changes"),
    log:
        "logs/{aoi}/plot_zone_changes.log",
    benchmark:
        "benchmarks/results/{aoi}/plot_zone_changes.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    params:
        **settings_of("valid_samples_only", "change_history", "significance", "min_change_db", "calibration_db"),
        **settings_of("change_reference", "min_valid_fraction"),
        terms=setting("diagonal_terms"),
        changes=lambda w: list(aois[w.aoi].changes),
    script:
        "../scripts/plot_zone_changes.py"


register(rules.plot_zone_changes, "Change of zones", key="zones", wanted=tests_zones, cost=FIGURE)
