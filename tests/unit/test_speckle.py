"""Speckle: looks, correlation and standard errors estimated on simulated gamma speckle with known truth."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import scipy.special
from helpers import memory_stack
from looks import looks as looks_script

from gcov.analysis import looks
from gcov.analysis.speckle import Blocks, Estimate, estimated, n_effective, of_variance, semivariances, standard_error
from gcov.analysis.summary import Summary
from gcov.errors import GcovError
from gcov.files import read_json
from gcov.stores import store
from gcov.stores.stack import Stack

BOX = 3  # samples a side over which correlated speckle is averaged


def drawn(rng, enl: float, shape, correlated: bool = False) -> np.ndarray:
    """Gamma speckle of mean 1; correlated: sums over 3 x 3 independent samples, which are gamma distributed as well."""
    if not correlated:
        return rng.gamma(enl, 1 / enl, shape)
    *several, ny, nx = shape
    fine = rng.gamma(enl / BOX**2, BOX**2 / enl, (*several, ny + BOX - 1, nx + BOX - 1))
    windows = np.lib.stride_tricks.sliding_window_view(fine, (BOX, BOX), axis=(-2, -1))
    return windows.mean(axis=(-2, -1))


def texture(rng, shape, sigma: float) -> np.ndarray:
    return np.exp(rng.normal(0, sigma, shape) - sigma**2 / 2)


def gathered(dates, use=None, layer=None) -> Estimate:
    """The estimate from images (ny, nx) 12 days apart, as a pass over a stack adds them, 512 rows at a time."""
    blocks = Blocks(dates[0].shape, len(dates))
    for number, image in enumerate(dates):
        power = image if use is None else np.where(use, image, np.nan)
        for top in range(0, image.shape[0], 512):
            rows = slice(top, top + 512)
            blocks.add(power[rows].astype(np.float32), top, None if layer is None else layer[rows])
        blocks.end_date(12 * number)
    return estimated(json.loads(json.dumps(blocks.measured())))


def test_looks_follow_the_variance_of_log_ratios():
    x = np.array([0.05, 0.5, 1, 4.4, 9.3, 100, 1000])
    np.testing.assert_allclose(of_variance(2 * scipy.special.polygamma(1, x)), x, rtol=1e-10)


@pytest.mark.parametrize("enl", [4.4, 9.3, 30])
@pytest.mark.parametrize("sigma", [0, 0.5])
@pytest.mark.parametrize("correlated", [False, True])
def test_looks_are_those_of_the_simulation(enl, sigma, correlated):
    """10^6 samples, four dates: within 1 %, with texture or correlation within 3 %."""
    rng = np.random.default_rng(int(10 * enl))
    still = texture(rng, (1000, 1000), sigma)
    found = gathered([still * drawn(rng, enl, still.shape, correlated) for _ in range(4)])
    assert found.looks == pytest.approx(enl, rel=0.03 if sigma or correlated else 0.01)
    wanted = [2 / 3, 1 / 3] if correlated else [0, 0]
    np.testing.assert_allclose(found.rho, [wanted, wanted], atol=0.03)
    assert found.pairs == 3 and found.blocks == 3 * 256 and found.iqr[0] < found.looks < found.iqr[1]
    assert found.coherence == pytest.approx(0, abs=0.2)


def test_a_change_over_a_third_of_the_scene_does_not_spoil_looks():
    rng = np.random.default_rng(2)
    dates = [drawn(rng, 9.3, (640, 640)) for _ in range(3)]
    dates[2][:, :200] *= 10**-0.65
    assert gathered(dates).looks == pytest.approx(9.3, rel=0.03)


def test_only_blocks_that_count_in_full_are_compared():
    rng = np.random.default_rng(3)
    dates = [drawn(rng, 9.3, (320, 320)) for _ in range(2)]
    use = np.ones((320, 320), bool)
    use[::64, ::64] = False  # one sample of every fourth block
    for date in dates:
        date[~use] = 1e-18 * rng.random((~use).sum())
    found = gathered(dates, use)
    assert found.blocks == 75 and found.looks == pytest.approx(9.3, rel=0.03)


def test_where_there_is_no_estimate_it_is_said():
    rng = np.random.default_rng(4)
    image = drawn(rng, 9.3, (128, 128))
    assert "one date alone" in gathered([image]).method
    assert "one speckle" in gathered([image, 0.81 * image]).method
    assert "no block of 8 x 8" in gathered([image[:7], image[7:14]]).method
    layer = np.full(image.shape, 9.3, np.float32)
    for part, counts in ((image[:7], False), (image, False), (image[:1], True), (image[:, :1], True)):
        few = gathered([part] * 2, np.full(part.shape, counts), layer[: part.shape[0], : part.shape[1]])
        assert "no block of 8 x 8" in few.method and few.number_of_looks is None
    shared = [image * drawn(rng, 60, image.shape) for _ in range(3)]  # ratios of far more looks than were averaged
    found = gathered(shared, layer=layer)
    assert found.looks is None and "share speckle" in found.method and found.number_of_looks == pytest.approx(9.3)
    np.testing.assert_allclose(found.rho, 0, atol=0.1)  # neighbours are independent, whatever the dates share
    assert gathered(shared).looks > 50


def test_speckle_that_neighbouring_dates_share_is_found_two_dates_apart():
    rng = np.random.default_rng(5)
    fresh = [drawn(rng, 9.3, (320, 320)) for _ in range(6)]
    dates = [(one + other) / 2 for one, other in pairwise(fresh)]  # 18.6 looks, half shared with the next
    found = gathered(dates)
    assert found.looks == pytest.approx(18.6, rel=0.04) and "36 and 48 days" in found.method
    assert found.shared[0] == pytest.approx(0.5, abs=0.05) and found.coherence == found.shared[0] ** 0.5


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize(
    ("shape", "side"), [((32, 500), 32), ((31, 500), 16), ((500, 16), 16), ((15, 1200), 8), ((1200, 8), 8)]
)
def test_smaller_blocks_where_no_larger_one_counts_in_full(shape, side, correlated):
    rng = np.random.default_rng(side)
    found = gathered([drawn(rng, 9.3, shape, correlated) for _ in range(3)])
    wanted = [2 / 3, 1 / 3] if correlated else [0, 0]
    np.testing.assert_allclose(found.rho, [wanted, wanted], atol=0.12)
    assert found.looks == pytest.approx(9.3, rel=0.15) and f"{side} x {side}" in found.method


def test_blocks_that_a_mask_breaks_up_are_smaller():
    rng = np.random.default_rng(11)
    use = np.ones((320, 320), bool)
    use[::20] = False
    found = gathered([drawn(rng, 9.3, use.shape) for _ in range(3)], use)
    assert "16 x 16" in found.method or "8 x 8" in found.method
    assert found.looks == pytest.approx(9.3, rel=0.1)


def test_a_date_without_samples_is_skipped():
    """The first and the third date are compared; a scene without speckle gives no correlation."""
    rng = np.random.default_rng(12)
    dates = [drawn(rng, 9.3, (128, 128)) for _ in range(3)]
    dates[1][:] = np.nan
    found = gathered(dates)
    assert found.looks == pytest.approx(9.3, rel=0.1) and "24 days" in found.method and found.coherence is None
    constant = gathered([np.full((64, 64), level) for level in (0.1, 0.2, 0.1)])
    assert constant.looks is None and not any(constant.rho)


def test_memory_does_not_grow_with_dates():
    steps = [[one.step for one in Blocks((3000, 3000), dates).sizes] for dates in (5, 200)]
    assert all(few < many for few, many in zip(*steps))
    blocks = Blocks((64, 64), 3)
    image = np.ones((64, 64), np.float32)
    for date in range(40):
        blocks.add(image, 0)
        blocks.end_date(12 * date)
    assert [len(one._earlier) for one in blocks.sizes] == [28 + 1], "and smaller blocks are not kept in vain"


def test_semivariances_are_half_mean_squares():
    values = np.random.default_rng(6).normal(size=(2, 7, 9)).astype(np.float32)
    found = semivariances(values)
    assert found[1, 0, 2] == pytest.approx(np.mean((values[1, 3:] - values[1, :-3]) ** 2) / 2, rel=1e-5)
    assert found[0, 1, 0] == pytest.approx(np.mean((values[0, :, 1:] - values[0, :, :-1]) ** 2) / 2, rel=1e-5)


def test_n_effective_is_the_variance_of_a_mean():
    rho = [[2 / 3, 1 / 3], [2 / 3, 1 / 3]]
    rng = np.random.default_rng(7)
    means = drawn(rng, 9.3, (40_000, 5, 5), correlated=True).mean(axis=(1, 2))
    assert n_effective((5, 5), rho) == pytest.approx(1 / 9.3 / means.var(), rel=0.03)
    assert n_effective(100, rho) == pytest.approx(100 / 9) and n_effective(100, [[-0.1, 0.5], []]) == 100
    assert n_effective(np.array([0, 1, 5]), rho).tolist() == [0, 1, 1]


@pytest.mark.parametrize(("correlated", "least"), [(False, 0.93), (True, 0.90)])
@pytest.mark.parametrize("sigma", [0, 0.5])
def test_standard_errors_cover_the_mean_of_a_zone(correlated, least, sigma):
    """The true mean of 1000 zones of 30 x 30 samples, the texture drawn anew with the speckle of each."""
    rng = np.random.default_rng(8)
    scene = gathered([drawn(rng, 9.3, (512, 512), correlated) for _ in range(3)])
    truth = texture(rng, (1000, 30, 30), sigma)
    power = truth * drawn(rng, 9.3, truth.shape, correlated)
    squares, n = (power**2).sum(axis=(1, 2)), 900
    error = standard_error(squares, n, scene.looks, n_effective(n, scene.rho))
    covered = np.abs(power.mean(axis=(1, 2)) - truth.mean(axis=(1, 2))) <= 1.96 * error
    assert least <= covered.mean() <= 0.97


# ---- looks.json


@pytest.fixture
def data():
    """Four dates of HHHH, two with each polarization code; 9.3 and 4.6 looks."""
    rng = np.random.default_rng(9)
    images = np.stack([drawn(rng, enl, (256, 256), True) for enl in (9.3, 4.6, 9.3, 4.6)]).astype(np.float32)
    return memory_stack({"HHHH": images}, np.ones(images.shape, "u1"), polarizations=["DHDH", "SHSH"] * 2)


def written(folder, data, term="HHHH", given=None, multilook=1):
    """The content of looks.json, made from what a pass over a stack has seen."""
    (folder / "speckle.json").write_text(json.dumps(Summary.of(Stack(data, valid_samples_only=True), term).speckle))
    path = folder / "looks.json"
    looks_script(speckle=[folder / "speckle.json"], terms=[term], looks=given, multilook=multilook, output=path)
    return read_json(path)


def test_codes_that_alternate_have_looks_of_their_own(data, tmp_path):
    codes = store.codes_of(data, "HHHH")
    content = written(tmp_path, data, multilook=3)
    np.testing.assert_allclose(looks.looks_of(content, "HHHH", codes, multilooked=False), [9.3, 4.6] * 2, rtol=0.05)
    averaged = looks.looks_of(content, "HHHH", codes)
    window = n_effective((3, 3), [[2 / 3, 1 / 3]] * 2)
    np.testing.assert_allclose(averaged, np.array([9.3, 4.6] * 2) * window, rtol=0.1)
    content = written(tmp_path, data, given={"SHSH": 5}, multilook=3)
    assert looks.looks_of(content, "HHHH", codes, multilooked=False)[1] == 5
    assert looks.looks_of(content, "HHHH", codes)[1] == pytest.approx(5 * window, rel=0.1)


def test_shared_speckle_is_noticed_by_the_mean_that_granules_state(data):
    """Dates of far more looks than were averaged, in a stack without the layer; a date may state none."""
    stated = data.assign_attrs(mean_number_of_looks="[9.3, 4.6, null, 4.6]")
    found = looks.entries(Summary.of(Stack(stated, valid_samples_only=True), "HHHH").speckle, None)
    assert found["DHDH"]["median_number_of_looks"] == 9.3 and found["DHDH"]["looks"] == pytest.approx(9.3, rel=0.05)
    few = data.assign_attrs(mean_number_of_looks="[3, 3, 3, 3]")
    found = looks.entries(Summary.of(Stack(few, valid_samples_only=True), "HHHH").speckle, None)
    assert found["DHDH"]["looks"] is None and "share speckle" in found["DHDH"]["method"]
    assert found["SHSH"]["looks"] is None, "4.6 is more than 1.5 times 3"


def test_a_term_that_one_code_lacks_has_one_entry(data, tmp_path):
    data = data.rename(HHHH="HVHV")
    content = written(tmp_path, data, "HVHV")
    codes = store.codes_of(data, "HVHV")
    assert codes == ["DHDH", None, "DHDH", None] and "looks" in content["HVHV"]
    found = looks.looks_of(content, "HVHV", codes)
    assert found[0] == pytest.approx(9.3, rel=0.05) and np.isnan(found[[1, 3]]).all()


def test_no_estimate_is_refused_unless_looks_are_given(data, tmp_path):
    data = data.isel(time=[0, 1])
    codes = store.codes_of(data, "HHHH")
    with pytest.raises(GcovError, match=r"looks for HHHH \(DHDH\): one date alone.*`looks: \{DHDH: 9.3\}`"):
        looks.looks_of(written(tmp_path, data), "HHHH", codes)
    content = written(tmp_path, data, given=7, multilook=2)
    assert looks.looks_of(content, "HHHH", codes).tolist() == [7, 7], "neighbours may be wholly correlated"
    entries = looks.entries_of(content, "HHHH", codes)
    assert np.isnan(looks.effective(entries, codes, np.array([9, 9]))).all()
    assert entries["DHDH"]["looks"] is None
    reason = "one date alone.*; correlation of neighbours unknown: a cell of 2 x 2 samples counts with the looks of one"
    assert re.match(reason, entries["DHDH"]["method"]) and re.match(f"HHHH: {reason}", looks.caution(entries, "HHHH"))
    entries = looks.entries_of(written(tmp_path, data, given=7), "HHHH", codes)
    assert "correlation" not in entries["DHDH"]["method"] and looks.caution(entries, "HHHH") == ""
