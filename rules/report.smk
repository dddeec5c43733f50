# Text for the captions of `snakemake --report`. Captions call these functions (files[0].job.rule.module_globals.told),
# because Snakemake passes only wildcards and paths to a caption, and no results.


def told(aoi, term=None):
    """An AOI's dates, the warnings about them and why values are empty, for one term or all, as reStructuredText."""
    from gcov import cautions, tables  # imports pandas, needed for reports only

    said, dates, one, empty = [], "no series", aois[aoi], []
    for each in [term] if term else one.diagonal_terms:
        series = tables.read_series(Path(f"results/{aoi}/{each}/mean_series.csv"))
        dates = cautions.dates_in_words(series)
        said += cautions.cautions(series, term=each, frequency=one.frequency, min_valid_fraction=one.min_valid_fraction)
        empty += cautions.empty_values(series)
    bold = [f"**{'; '.join(dict.fromkeys(said))}.**"] if said else []
    return " ".join([f"{dates}.", *bold, *(f"{why}." for why in dict.fromkeys(empty))])


def warned(store):
    """The warning that a product's store holds, as reStructuredText; empty if there is none."""
    from gcov.stores.provenance import metadata_of

    warning = metadata_of(Path(f"results/{store}"))["attributes"].get("warning")
    return f"**{warning}.**" if warning else ""


def told_of_all():
    """The same for each AOI whose series exist."""
    done = [aoi for aoi in aois.values() if all(map(os.path.exists, per_term(aoi.name, "mean_series.csv")))]
    return {aoi.name: told(aoi.name) for aoi in done}
