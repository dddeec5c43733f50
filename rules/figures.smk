# Figures, animations and the map.


# An input, without a name, of what a report shows. Snakemake runs no job for its changed parameters if it has `ancient`
# inputs from jobs that run, so that this is a job of its own, with no setting that they do not have.
rule caption:
    """What the captions of a report say of a term: its dates and the warnings about them."""
    input:
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        stack=stack_of,
    output:
        "results/{aoi}/{term}/caption.rst",
    log:
        "logs/{aoi}/{term}/caption.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/caption.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=300,
        runtime=10,
    params:
        **settings_of("min_valid_fraction"),
    script:
        "../scripts/caption.py"


register(rules.caption, "Captions of a report", cost=Measured(0.4, 0, 110))


rule plot_series:
    """Mean backscatter of the AOI over time, and its distribution over all dates."""
    input:
        "results/{aoi}/{term}/caption.rst",
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        histogram_db="results/{aoi}/{term}/histogram_db.csv",
        histogram_power="results/{aoi}/{term}/histogram_power.csv",
        stretch="results/{aoi}/{term}/stretch.json",
        stack=stack_of,
    output:
        mean_series=figure("results/{aoi}/{term}/mean_series.png", "2 mean series", caption="mean_series"),
        db=figure("results/{aoi}/{term}/histogram_db.png", "8 histogram, db", caption="histogram"),
        power=figure("results/{aoi}/{term}/histogram_power.png", "8 histogram, power", caption="histogram"),
    log:
        "logs/{aoi}/{term}/plot_series.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/plot_series.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        **settings_of("valid_samples_only", "min_valid_fraction"),
        shown_db=lambda w: settings.stretch.get(w.term),
    script:
        "../scripts/plot_series.py"


register(rules.plot_series, "Mean series", outputs=rules.plot_series.output.mean_series, cost=FIGURE)
register(rules.plot_series, "Histograms", outputs=[*rules.plot_series.output.db, *rules.plot_series.output.power])


rule animation:
    """The dB images by date, alone and beside the growing mean series."""
    input:
        "results/{aoi}/{term}/caption.rst",
        stack=stack_of,
        series="results/{aoi}/{term}/mean_series.csv",
        no_echo="results/{aoi}/{term}/no_echo.csv",
        stretch="results/{aoi}/{term}/stretch.json",
    output:
        alone=reported("results/{aoi}/{term}/animation.gif", "7 animation", caption="animation"),
        with_means=reported("results/{aoi}/{term}/animation_means.gif", "7 animation_means", caption="animation"),
    log:
        "logs/{aoi}/{term}/animation.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/animation.tsv"
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
    script:
        "../scripts/animation.py"


register(rules.animation, "Animations", cost=Measured(2.0, 0.08, 350))


# The same as pages with player controls, 40 MB for 60 dates of two terms: made only if requested by name
use rule animation as player with:
    output:
        alone="results/{aoi}/{term}/animation.html",
        with_means="results/{aoi}/{term}/animation_means.html",
    log:
        "logs/{aoi}/{term}/player.log",
    benchmark:
        "benchmarks/results/{aoi}/{term}/player.tsv"


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
