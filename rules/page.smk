# HTML pages: one to explore each AOI, and an index that links to all of them.


rule methods:
    """A paragraph for a paper: data, processing and tests of this run, with DOIs."""
    input:
        dates="results/{aoi}/dates.csv",
        geometry="results/{aoi}/geometry.json",
        looks=looks_of,
        stack=stack_of,
    output:
        reported("results/{aoi}/methods.txt", "text: methods"),
    log:
        "logs/{aoi}/methods.log",
    benchmark:
        "benchmarks/results/{aoi}/methods.tsv"
    group:
        "figures"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=300,
        runtime=10,
    params:
        **stack_settings("terms", "multilook", "changes", "change_history", "significance", "min_change_db"),
        **settings_of("baseline", "filter_window", "change_reference", "min_valid_fraction"),
    script:
        "../scripts/methods.py"


register(rules.methods, "Methods for a paper", cost=Measured(0.8, 0, 130))


rule explore:
    """The AOI on one page: all images, the series at any point the user clicks, change between any two dates."""
    input:
        captions,
        lambda w: [*patches_of(w.aoi), *changes_of(w.aoi, "zarr"), *changes_of(w.aoi, "geojson")],  # read beside others
        stack=stack_of,
        series=lambda w: per_term(w.aoi, "mean_series.csv"),
        no_echo=lambda w: per_term(w.aoi, "no_echo.csv"),
        granules=ancient("results/{aoi}/granules.csv"),  # every search rewrites it
        zones=zones_of,
        zone_series=lambda w: per_term(w.aoi, "zones.csv") if aois[w.aoi].zones else [],
        indices=lambda w: f"results/{w.aoi}/indices.csv" if aois[w.aoi].indices else [],
        changes=lambda w: changes_of(w.aoi, "json"),
        history=lambda w: of_history(w.aoi, "change_history.zarr"),
        patches=lambda w: of_history(w.aoi, "change_patches.geojson"),
        zone_changes=lambda w: f"results/{w.aoi}/zone_changes.csv" if tests_zones(aois[w.aoi]) else [],
        methods="results/{aoi}/methods.txt",
    output:
        reported("results/{aoi}/explore.html", "1 explore", caption="explore"),
    log:
        "logs/{aoi}/explore.log",
    benchmark:
        "benchmarks/results/{aoi}/explore.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=60,
    params:
        contents_of("zones"),
        **stack_settings("zone_name", "point_size", "min_valid_fraction", "calibration_db", "change_reference"),
        megabytes=setting("explore_megabytes"),
        shown_db=settings.stretch,
        products=files_by_product,
    script:
        "../scripts/explore.py"


register(rules.explore, "Page to explore", key="explore_megabytes", wanted=is_explored, cost=Measured(1.5, 0.02, 350))


rule index:
    """A map of all AOIs, and a card for each: what is new since the last run, latest image, series and warnings."""
    input:
        stacks=all_stacks,
        series=lambda w: [path for aoi in aois for path in per_term(aoi, "mean_series.csv")],
        no_echo=lambda w: [path for aoi in aois for path in per_term(aoi, "no_echo.csv")],
        granules=ancient(expand("results/{aoi}/granules.csv", aoi=aois)),
        patches=lambda w: [path for aoi in aois for path in patches_of(aoi)],
    output:
        page="results/index.html",
        memory=update("results/index.memory.json"),  # read and written: what the last run found
    log:
        "logs/index.log",
    benchmark:
        "benchmarks/results/index.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=30,
    params:
        valid_samples_only={name: aoi.valid_samples_only for name, aoi in aois.items()},
        looks={name: aoi.looks for name, aoi in aois.items()},
        min_valid_fraction={name: aoi.min_valid_fraction for name, aoi in aois.items()},
        shown_db=settings.stretch,
        explored=[name for name, aoi in aois.items() if is_explored(aoi)],
    script:
        "../scripts/index.py"


# What the last run found, as this run begins. The last lines of a run say what is new, and what it has made. Modules
# have no `onsuccess`.
found_file = Path("results/index.memory.json")
found_before = found_file.read_bytes() if main_process and found_file.exists() else b""


onsuccess:
    if in_bucket:  # nothing is here to read
        logger.info(f"Results: {bucket_prefix}/results")
        return
    from gcov.closing import last_lines
    from gcov.errors import GcovError
    from gcov.pages.news import Memory

    try:
        found = Memory.read(found_file)
        if found.now and found_file.read_bytes() != found_before:
            for aoi in aois:
                logger.info(f"{aoi}: {'; '.join(found.news(aoi))}")
        elif found.now and all(found.has_granules(aoi, kept_names(f"results/{aoi}/granules")) for aoi in aois):
            logger.info(f"Nothing new since the last run: {', '.join(aois)}")
        finished = list(workflow.dag.finished_jobs)
        if workflow.touch or any(job.rule.name == "explain" for job in finished):
            finished = []  # the search that `explain` runs is not what the user asks for
        made = {}
        for job in finished:
            made.setdefault(job.wildcards_dict.get("aoi", ""), []).extend(map(str, job.output))
        for line in last_lines(
            made, [str(path) for job in finished for path in job.log], workflow.overwrite_workdir or ""
        ):
            logger.info(line)
    except (AttributeError, GcovError) as error:  # AttributeError: a Snakemake that differs inside
        logger.warning(f"{error}")
