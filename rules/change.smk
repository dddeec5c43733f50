# Change between two periods and over all dates; speckle-filtered images.

PATCHES = Measured(1.2, 1.5, 600, of="map")  # where a quarter of the area changed


rule change:
    """Change between two periods: log-ratio, its significance, and the total area that changed."""
    input:
        stack=stack_of,
        series="results/{aoi}/{term}/mean_series.csv",
        looks="results/{aoi}/looks.json",
        zones=reference_zones,
    output:
        output=directory("results/{aoi}/{term}/change/{name}.zarr"),
        summary="results/{aoi}/{term}/change/{name}.json",
    log:
        "logs/{aoi}/{term}/change/{name}.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/change/{name}.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=800,
        runtime=60,
    params:
        **stack_settings("multilook", "significance", "min_change_db", "change_reference", "min_valid_fraction"),
        **settings_of("zone_name", "point_size"),
        days=periods,
    script:
        "../scripts/change.py"


register(rules.change, "Change between two periods", key="changes", cost=Measured(1.0, 0.042, 600))


rule change_history:
    """Change over all dates and terms: when each pixel changed, and the changed area by interval."""
    input:
        stack=stack_of,
        series=lambda w: per_term(w.aoi, "mean_series.csv"),
        looks="results/{aoi}/looks.json",
        zones=reference_zones,
    output:
        output=directory("results/{aoi}/change_history.zarr"),
        table="results/{aoi}/change_history.csv",
    log:
        "logs/{aoi}/change_history.log",
    benchmark:
        "benchmarks/results/{aoi}/change_history.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        **stack_settings("multilook", "significance", "min_change_db", "change_reference", "min_valid_fraction"),
        **settings_of("zone_name", "point_size"),
        terms=required("diagonal_terms"),
    script:
        "../scripts/change_history.py"


register(rules.change_history, "Change over all dates", key="change_history", cost=Measured(1.0, 0.07, 600))


rule patches_of_change:
    """Patches of neighbouring cells that changed alike, as polygons and as a table, with ids that last."""
    input:
        after_search,
        maps="results/{aoi}/{term}/change/{name}.zarr",
        zones=zones_of,
    output:
        geojson="results/{aoi}/{term}/change/{name}.geojson",
        csv="results/{aoi}/{term}/change/{name}.csv",
        ledger=update("results/{aoi}/{term}/change/{name}.ids.json"),  # read and written: patches keep their ids
    log:
        "logs/{aoi}/{term}/change/{name}_patches.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/change/{name}_patches.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=800,
        runtime=60,
    params:
        contents_of("zones"),
        **settings_of("min_patch_ha", "zone_name", "point_size"),
        terms=lambda w: [w.term],
    script:
        "../scripts/patches.py"


# The same of the change over all dates, where further dates may confirm a patch. What is named here comes on top.
use rule patches_of_change as change_patches with:
    input:
        after_search,
        maps="results/{aoi}/change_history.zarr",
        series=lambda w: required("diagonal_terms")(w) and per_term(w.aoi, "mean_series.csv")[0],
        zones=zones_of,
    output:
        geojson="results/{aoi}/change_patches.geojson",
        csv="results/{aoi}/change_patches.csv",
        ledger=update("results/{aoi}/change_patches.ids.json"),
    log:
        "logs/{aoi}/change_patches.log",
    benchmark:
        "benchmarks/results/{aoi}/change_patches.tsv"
    params:
        contents_of("zones"),
        **settings_of("min_patch_ha", "confirm_dates", "zone_name", "point_size"),
        terms=required("diagonal_terms"),


register(rules.change_patches, "Patches of change", key="change_history", cost=PATCHES)
register(rules.patches_of_change, "Patches of change", key="changes", cost=PATCHES)


rule zone_changes:
    """Change of each zone: between two periods and over all dates, with the size of each step and its error."""
    input:
        after_search,
        zones=lambda w: per_term(w.aoi, "zones.csv"),
        series=lambda w: per_term(w.aoi, "mean_series.csv"),
        looks="results/{aoi}/looks.json",
        gains=lambda w: changes_by_reference(w.aoi),
        gains_of_history=lambda w: of_history(w.aoi, "change_history.zarr") if aois[w.aoi].change_reference else [],
    output:
        reported("results/{aoi}/zone_changes.csv", "table: zone changes", caption="zone_changes"),
    log:
        "logs/{aoi}/zone_changes.log",
    benchmark:
        "benchmarks/results/{aoi}/zone_changes.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=30,
    params:
        **settings_of("frequency", "changes", "change_history", "significance", "min_change_db", "calibration_db"),
        min_valid_fraction=setting("min_valid_fraction"),
        terms=required("diagonal_terms"),
    script:
        "../scripts/zone_changes.py"


register(rules.zone_changes, "Change of zones", key="zones", wanted=tests_zones, cost=Measured(1.0, 0, 200))


rule filtered:
    """The speckle-filtered stack, for viewing only: no series and no test uses it."""
    input:
        stack=stack_of,
        looks="results/{aoi}/looks.json",
    output:
        directory("results/{aoi}/filtered.zarr"),
    log:
        "logs/{aoi}/filtered.log",
    benchmark:
        "benchmarks/results/{aoi}/filtered.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        **stack_settings(),
        window=required("filter_window"),
    script:
        "../scripts/filtered.py"


register(rules.filtered, "Speckle-filtered images", key="filter_window", cost=Measured(1.0, 0.18, 600))
