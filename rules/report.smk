# Text for the captions of `snakemake --report`. Captions call these functions (files[0].job.rule.module_globals.told),
# because Snakemake passes only wildcards and paths to a caption, and no results.


def told(aoi, term=None):
    """The dates of an AOI's series and the warnings about them, for one term or all terms, as reStructuredText."""
    from gcov import cautions, tables  # imports pandas, needed for reports only

    said, dates, one = [], "no series", aois[aoi]
    for each in [term] if term else one.diagonal_terms:
        series = tables.read_series(f"results/{aoi}/{each}/mean_series.csv")
        dates = cautions.dates_in_words(series)
        said += cautions.cautions(series, term=each, frequency=one.frequency, min_valid_fraction=one.min_valid_fraction)
    return f"{dates}. **{'; '.join(dict.fromkeys(said))}.**" if said else f"{dates}."


def told_of_all():
    """The same for each AOI whose series exist."""
    done = [aoi for aoi in aois.values() if all(map(os.path.exists, per_term(aoi.name, "mean_series.csv")))]
    return {aoi.name: told(aoi.name) for aoi in done}
