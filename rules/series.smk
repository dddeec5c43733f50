# Tables: what one pass over a stack gives.


rule summarize:
    """Histograms, mean series and the animations' stretch, from one pass over the stack."""
    input:
        stack_of,
    output:
        histogram_db="results/{aoi}/{term}/histogram_db.csv",
        histogram_power="results/{aoi}/{term}/histogram_power.csv",
        mean_series="results/{aoi}/{term}/mean_series.csv",
        stretch="results/{aoi}/{term}/stretch.json",
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
        valid_samples_only=setting("valid_samples_only"),
    script:
        "../scripts/summarize.py"


register(rules.summarize.output)
