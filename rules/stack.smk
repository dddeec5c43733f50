# All dates on one time axis, in linear power and in dB; estimating costs; verifying stores.


COMPUTED = [name for name, aoi in aois.items() if aoi.computed_layers]


rule stack:
    """All dates on one time axis, after checking that all granules share one grid."""
    input:
        lambda w: fragments(w.aoi),
    output:
        directory("results/{aoi}/stack.zarr"),
    log:
        "logs/{aoi}/stack.log",
    benchmark:
        "benchmarks/results/{aoi}/stack.tsv"
    wildcard_constraints:
        aoi="|".join(name for name in aois if name not in COMPUTED) or "(?!)",
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=700,
        runtime=30,
    script:
        "../scripts/stack.py"


# For AOIs with layers that are computed from others. A parameter of `stack` would make every stack again.
use rule stack as stack_and_compute with:
    wildcard_constraints:
        aoi="|".join(COMPUTED) or "(?!)",
    params:
        computed=setting("computed_layers"),


register(rules.stack, "Stack", layers="names", cost=Measured(0.8, 0.003, 150))


rule stack_db:
    """Backscatter in dB, for display and for tools that expect dB."""
    input:
        lambda w: required("diagonal_terms")(w) and stack_of(w),
    output:
        directory("results/{aoi}/stack_db.zarr"),
    log:
        "logs/{aoi}/stack_db.log",
    benchmark:
        "benchmarks/results/{aoi}/stack_db.tsv"
    conda:
        "../envs/gcov.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        **stack_settings(),
    script:
        "../scripts/stack_db.py"


register(rules.stack_db, "Stack in dB", wanted=lambda aoi: aoi.diagonal_terms, cost=Measured(0.9, 0.047, 220))


# Estimate data volume, disk space and time before any sample is read. On request only: `snakemake --cores 4 explain`.
rule explain:
    input:
        granules=expand("results/{aoi}/granules.csv", aoi=aois),
        records=expand("results/{aoi}/granules", aoi=aois),
    log:
        "logs/explain.log",
    localrule: True
    conda:
        "../envs/gcov.yaml"
    params:
        cores=lambda w: internal("cores", 1),
        work=lambda w: [work(aoi) for aoi in aois.values()],
    script:
        "../scripts/explain.py"


# Read every chunk of every store, report damaged stores and rename them. On request only: `snakemake --cores 1 verify`.
# Without input: it reads the stores that exist, and Snakemake would first bring an input up to date.
rule verify:
    input:
        nothing_in_a_bucket,
    log:
        "logs/verify.log",
    localrule: True
    conda:
        "../envs/gcov.yaml"
    script:
        "../scripts/verify.py"
