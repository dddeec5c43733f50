"""Radar indices: names of ratios of diagonal terms, and the terms they need. Imported at every start of Snakemake."""

from collections.abc import Sequence

QUAD = ("HHHH", "HVHV", "VVVV")
DUAL = (("HHHH", "HVHV"), ("VVVV", "VHVH"))  # co-polarized, cross-polarized


def terms_of_index(index: str, terms: Sequence[str]) -> tuple[str, ...]:
    """The terms an index is computed from; for RVI and RFDI, the variant that the available `terms` allow."""
    if "/" in index:
        return tuple(index.split("/"))
    if index == "RVI" and set(QUAD) <= set(terms):
        return QUAD
    return next((pair for pair in DUAL if set(pair) <= set(terms)), DUAL["VVVV" in terms and "HHHH" not in terms])


def name_of_index(index: str) -> str:
    """The name of an index in stores and tables: HVHV/HHHH becomes HVHV_HHHH."""
    return index.replace("/", "_")
