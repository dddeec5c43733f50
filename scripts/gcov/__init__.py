"""What the workflow's scripts share. No module here knows Snakemake."""

__version__ = "0.1.0"
