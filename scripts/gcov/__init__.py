"""Modules shared by the workflow's scripts. None of them depends on Snakemake."""

__version__ = "0.2.0.dev0"
