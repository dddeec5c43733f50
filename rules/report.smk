# What captions of `snakemake --report` tell: they call these functions (files[0].job.rule.module_globals.told), for
# Snakemake gives a caption wildcards and paths, and no result.


def told(aoi, term=None):
    """The dates of an AOI's series, of one term or of all, and what must be known of them, as reStructuredText."""
    from gcov import cautions, tables  # pandas, for reports alone

    said, dates, one = [], "no series", aois[aoi]
    for each in [term] if term else one.diagonal_terms:
        series = tables.read_series(f"results/{aoi}/{each}/mean_series.csv")
        dates = cautions.dates_in_words(series)
        said += cautions.cautions(series, term=each, frequency=one.frequency, min_valid_fraction=one.min_valid_fraction)
    return f"{dates}. **{'; '.join(dict.fromkeys(said))}.**" if said else f"{dates}."


def told_of_all():
    """The same by AOI, for those that have their series by now."""
    done = [aoi for aoi in aois.values() if all(os.path.exists(path) for path in series_of(aoi))]
    return {aoi.name: told(aoi.name) for aoi in done}


def series_of(aoi):
    """The tables that `told` reads."""
    return [f"results/{aoi.name}/{term}/mean_series.csv" for term in aoi.diagonal_terms]
