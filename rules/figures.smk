# Figures, animations and the map.


rule plot_histogram:
    """Distribution of backscatter over all dates, in dB or in power."""
    input:
        ancient("results/{aoi}/{term}/caption.rst"),
        counts="results/{aoi}/{term}/histogram_{quantity}.csv",
        limits="results/{aoi}/{term}/stretch.json",
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        stack=stack_of,
    output:
        picture=figure("results/{aoi}/{term}/histogram_{quantity}.png", "8 histogram, {quantity}", caption="histogram"),
    log:
        "logs/{aoi}/{term}/histogram_{quantity}.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/histogram_{quantity}.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        valid_samples_only=setting("valid_samples_only"),
        shown_db=lambda w: settings.stretch.get(w.term),
    script:
        "../scripts/plot_histogram.py"


register(rules.plot_histogram, "Histograms", cost=FIGURE)


rule plot_mean_series:
    """Mean backscatter of the AOI over time, in power and in dB, and what captions of a report say of the term."""
    input:
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        stack=stack_of,
    output:
        picture=figure("results/{aoi}/{term}/mean_series.png", "2 mean series", caption="mean_series"),
        caption="results/{aoi}/{term}/caption.rst",
    log:
        "logs/{aoi}/{term}/mean_series.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/mean_series.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        **settings_of("valid_samples_only", "min_valid_fraction"),
    script:
        "../scripts/plot_mean_series.py"


register(rules.plot_mean_series, "Mean series", outputs=rules.plot_mean_series.output.picture, cost=FIGURE)


rule animation:
    """The dB images by date, alone or beside the growing mean series."""
    input:
        ancient("results/{aoi}/{term}/caption.rst"),
        stack=stack_of,
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        stretch="results/{aoi}/{term}/stretch.json",
    output:
        reported("results/{aoi}/{term}/{movie}.gif", "7 {movie}", caption="animation"),
    log:
        "logs/{aoi}/{term}/{movie}.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/{movie}.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        **stack_settings("min_valid_fraction"),
        shown_db=lambda w: settings.stretch.get(w.term),
        with_means=lambda w: w.movie == "animation_means",
    script:
        "../scripts/animation.py"


register(rules.animation, "Animations", cost=Measured(1.5, 0.06, 350))


# The same as a page with player controls, 40 MB for 60 dates of two terms: made only if requested by name
use rule animation as player with:
    output:
        "results/{aoi}/{term}/{movie}.html",
    log:
        "logs/{aoi}/{term}/{movie}_html.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/{movie}_html.tsv"


rule location:
    """The location of the AOI and the footprints of its granules."""
    input:
        fragments=lambda w: fragments(w.aoi),
        zones=zones_of,
    output:
        geojson="results/{aoi}/location.geojson",
        picture=figure("results/{aoi}/location.png", "9 location", caption="location"),
    log:
        "logs/{aoi}/location.log",
    benchmark:
        "benchmarks/results/{aoi}/location.tsv"
    localrule: fetch_here
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=15,
    params:
        contents_of("zones"),
        zone_name=setting("zone_name"),
        basemap=lambda w: config["basemap"],  # as a function: Snakemake would interpret {z} in the text as a wildcard
    script:
        "../scripts/location.py"


register(rules.location, "Location", cost=FIGURE)
