# GeoTIFFs of the products that `geotiff:` names, and their STAC catalogue.

GEOTIFF = Measured(1.8, 0.22, 330)
GEOTIFF_MAP = Measured(1.8, 0.22, 330, of="map")
STATISTICS = ["count", "mean", "std", "cv", "excess_cv", "min", "max", "p05", "p50", "p95"]


wildcard_constraints:
    day=r"\d{8}(T\d{6})?",
    index="RVI|RFDI|[HVLR]{4}_[HVLR]{4}",


rule geotiff_date:
    """Backscatter of one date, from its fragments: a new date leaves the files of other dates unchanged."""
    input:
        fragments_of_day,
    output:
        "results/{aoi}/geotiff/{quantity}_{term}_{day}.tif",
    log:
        "logs/{aoi}/geotiff/{quantity}_{term}_{day}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/{quantity}_{term}_{day}.tsv"
    wildcard_constraints:
        quantity="power|db|sigma0",
    group:
        "geotiff"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=600,
        runtime=15,
    params:
        **stack_settings(),
    script:
        "../scripts/geotiff_date.py"


for quantity in ("power", "db", "sigma0"):
    register(
        rules.geotiff_date,
        "GeoTIFFs",
        words="Cloud-optimized GeoTIFFs of the images and maps that `geotiff:` names.",
        outputs=expand(written(rules.geotiff_date.output), quantity=quantity, allow_missing=True),
        key="geotiff",
        geotiff=quantity,
        cost=GEOTIFF,
    )


rule geotiff_statistics:
    """Temporal statistics, one band with a description for each."""
    input:
        after_search,
        "results/{aoi}/{term}/statistics.zarr",
    output:
        "results/{aoi}/geotiff/statistics_{term}.tif",
        "results/{aoi}/geotiff/statistics_{term}.qml",  # otherwise QGIS draws its first three bands as colours
    log:
        "logs/{aoi}/geotiff/statistics_{term}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/statistics_{term}.tsv"
    group:
        "geotiff"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=600,
        runtime=30,
    params:
        names=STATISTICS,
        day=None,
        resampling="average",
    script:
        "../scripts/geotiff.py"


register(rules.geotiff_statistics, "GeoTIFFs", key="statistics", geotiff="statistics", cost=GEOTIFF_MAP)


use rule geotiff_statistics as geotiff_index with:
    input:
        "results/{aoi}/indices.zarr",
    output:
        "results/{aoi}/geotiff/{index}_{day}.tif",
    log:
        "logs/{aoi}/geotiff/{index}_{day}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/{index}_{day}.tsv"
    params:
        names=lambda w: [w.index],
        day=lambda w: w.day,
        resampling="average",


register(rules.geotiff_index, "GeoTIFFs", key="indices", geotiff="indices", cost=GEOTIFF)


use rule geotiff_statistics as geotiff_filtered with:
    input:
        "results/{aoi}/filtered.zarr",
    output:
        "results/{aoi}/geotiff/filtered_{term}_{day}.tif",
    log:
        "logs/{aoi}/geotiff/filtered_{term}_{day}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/filtered_{term}_{day}.tsv"
    params:
        names=lambda w: [w.term],
        day=lambda w: w.day,
        resampling="average",


register(rules.geotiff_filtered, "GeoTIFFs", key="filter_window", geotiff="filtered", cost=GEOTIFF)


use rule geotiff_statistics as geotiff_change with:
    input:
        "results/{aoi}/{term}/change/{name}.zarr",
    output:
        "results/{aoi}/geotiff/change_{name}_{term}.tif",
    log:
        "logs/{aoi}/geotiff/change_{name}_{term}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/change_{name}_{term}.tsv"
    params:
        names=["log_ratio_db"],
        day=None,
        resampling="average",


register(rules.geotiff_change, "GeoTIFFs", key="changes", geotiff="changes", cost=GEOTIFF_MAP)


use rule geotiff_change as geotiff_change_test with:
    output:
        "results/{aoi}/geotiff/change_{name}_{term}_{test}.tif",
    log:
        "logs/{aoi}/geotiff/change_{name}_{term}_{test}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/change_{name}_{term}_{test}.tsv"
    params:
        names=lambda w: [w.test],
        day=None,
        resampling="nearest",


register(rules.geotiff_change_test, "GeoTIFFs", key="changes", geotiff="changes", cost=GEOTIFF_MAP)


use rule geotiff_statistics as geotiff_change_history with:
    input:
        "results/{aoi}/change_history.zarr",
    output:
        "results/{aoi}/geotiff/change_history_{summary}.tif",
    log:
        "logs/{aoi}/geotiff/change_history_{summary}.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/change_history_{summary}.tsv"
    params:
        names=lambda w: [w.summary],
        day=None,
        resampling="nearest",


register(rules.geotiff_change_history, "GeoTIFFs", key="change_history", geotiff="changes", cost=GEOTIFF_MAP)


rule stac:
    """A STAC catalogue for catalogues, QGIS and odc-stac. It depends on every GeoTIFF that the AOI requests."""
    input:
        fragments=lambda w: fragments(w.aoi),
        stack=stack_of,
        geotiffs=geotiffs,
        looks=looks_of,
    output:
        directory("results/{aoi}/stac"),
    log:
        "logs/{aoi}/stac.log",
    benchmark:
        "benchmarks/results/{aoi}/stac.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    script:
        "../scripts/stac.py"


register(rules.stac, "STAC catalogue", key="geotiff", cost=Measured(1.5, 0, 200))


rule qgis_layers:
    """The GeoTIFFs as layers for QGIS, with groups, stretch and dates."""
    input:
        geotiffs=geotiffs,
        stretches=lambda w: per_term(w.aoi, "stretch.json"),
    output:
        "results/{aoi}/geotiff/{aoi}.qlr",
    log:
        "logs/{aoi}/geotiff/{aoi}_qlr.log",
    benchmark:
        "benchmarks/results/{aoi}/geotiff/{aoi}_qlr.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    params:
        shown_db=settings.stretch,
    script:
        "../scripts/qgis_layers.py"


register(rules.qgis_layers, "QGIS layers", key="geotiff", cost=Measured(1.2, 0, 200))


rule catalog:
    """A STAC catalogue of all AOIs that have a STAC collection."""
    input:
        lambda w: [f"results/{name}/stac" for name, aoi in aois.items() if aoi.geotiff and searched(name)],
    output:
        "results/catalog.json",
    log:
        "logs/catalog.log",
    benchmark:
        "benchmarks/results/catalog.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    script:
        "../scripts/catalog.py"
