#!/bin/bash
# The whole run in one Slurm job, without the profile beside this file. In the folder of the workflow:
#     sbatch profiles/slurm/one_job.sh
# Further arguments go to snakemake: sbatch one_job.sh -s /path/to/Snakefile -d /path/to/analysis
#SBATCH --job-name=gcov
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
# two minutes before the end: Snakemake stops its jobs, and the same command goes on from there
#SBATCH --signal=B:INT@120
exec snakemake --cores "$SLURM_CPUS_PER_TASK" --resources mem_mb="$SLURM_MEM_PER_NODE" "$@"
