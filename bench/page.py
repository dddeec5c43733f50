"""explore.html at 5, 60 and 100 dates of two terms: how large, how soon it is seen, what it costs beside the movies."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from browser.chromium import Browser

from bench import analysis, frames
from bench.checkouts import Checkout
from bench.table import Row, at_most, note
from gcov.testing.landscape import landscape
from gcov.testing.synthetic import Band, centres, granule_name, write_granule

DATES = (5, 60, 100)
SIZE = 900  # pixels a side: 18 km
WINDOW = (0, SIZE, 0, SIZE)
TERMS = ("HHHH", "HVHV")
MOVIES = [f"results/aoi/{term}/{movie}.gif" for term in TERMS for movie in ("animation", "animation_means")]
PAGE = "results/aoi/explore.html"


def rows(cache: Path, checkouts: list[Checkout]) -> Iterator[Row]:
    """Every row, of this tree alone: earlier ones have no such page."""
    peaks = []
    browser = Browser(cache)
    for dates in DATES:
        folder = cache / f"page_{dates}"
        granules = [str(path) for path in series(cache / "page_granules", dates)]
        analysis.configure(folder, granules, bbox=frames.bbox_of(WINDOW), terms=list(TERMS))
        run = analysis.fresh(folder, PAGE, *MOVIES)
        movies = sum((folder / path).stat().st_size for path in MOVIES) / 1e6
        size, what = (folder / PAGE).stat().st_size / 1e6, f"explore.html of {dates} dates x 2 terms"
        yield at_most(what, 24, f"GIFs {movies:.1f} MB", {"after": f"{size:.1f} MB"}, size, " MB")
        yield from seen(browser, folder / PAGE)
        texts = {"after": f"{run.cpu('explore'):.1f} s, {run.peak('explore'):.0f} MB"}
        yield note("... CPU and peak memory of its job", f"movies {run.cpu('animation'):.1f} s", texts)
        peaks.append(run.peak("explore"))
    browser.driver.quit()
    text = " / ".join(f"{peak:.0f}" for peak in peaks) + " MB"
    yield at_most(
        f"peak memory at {' / '.join(map(str, DATES))} dates: explore", 600, "", {"after": text}, max(peaks), " MB"
    )


def seen(browser: Browser, page: Path) -> Iterator[Row]:
    """When the first image and all dates are there, by the browser's clock; also with a CPU four times slower."""
    script = "return performance.getEntriesByType('mark').map(mark => mark.startTime / 1000)"
    image, whole = browser.open(page).run(script)
    yield at_most("... first image", 1.5, "", {"after": f"{image:.2f} s"}, image, " s")
    yield at_most("... all dates", 4, "", {"after": f"{whole:.2f} s"}, whole, " s")
    browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 4})
    image, whole = browser.open(page).run(script)
    browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
    yield note("... both with a CPU four times slower", "", {"after": f"{image:.2f} s, {whole:.2f} s"})


def series(folder: Path, dates: int) -> list[Path]:
    """Granules with speckle of their own, 12 days apart; written when they are first asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    valley = landscape((SIZE, SIZE))
    x, y = centres(frames.WEST, frames.POSTING, SIZE), centres(frames.NORTH, -frames.POSTING, SIZE)
    paths = []
    for date in range(dates):
        name = granule_name(cycle=6 + date, start=frames.FIRST + timedelta(days=12 * date))
        if not (folder / f"{name}.h5").exists():
            write_granule(folder, name, {"A": Band(frames.EPSG, x, y, *valley.scene(12 * date))}, page_size=1 << 16)
        paths.append(folder / f"{name}.h5")
    return paths
