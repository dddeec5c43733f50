"""Properties that hold for every input: partial releases, configurations.

Examples are the same in every run (a fixed seed); `make soak` draws new and more ones.
"""

import itertools
import os
import random
from datetime import timedelta

import rioxarray  # noqa: F401
import yaml
from helpers import FIRST
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcov.errors import GcovError
from gcov.granules import from_name
from gcov.inputs.config import read_config
from gcov.releases import newest_releases
from gcov.testing.synthetic import granule_name

settings.register_profile(
    "ci", derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("soak", max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


parts = st.builds(
    lambda crid, first, length, counter: granule_name(
        start=FIRST + timedelta(seconds=first),
        end=FIRST + timedelta(seconds=first + length),
        crid=crid,
        counter=counter,
    ),
    st.sampled_from(["X05007", "X05009", "X05010", "P05023"]),
    st.integers(0, 30),
    st.integers(1, 35),
    st.integers(1, 2),
)


@given(st.lists(parts, min_size=1, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_partial_releases_never_mix_and_cover_what_they_replace(found, order: random.Random):
    granules = [from_name(name) for name in found]
    kept, dropped = newest_releases(granules)
    order.shuffle(granules)
    assert newest_releases(granules) == (kept, dropped)
    for one, other in itertools.combinations(kept, 2):
        assert one.release == other.release or not one.same_acquisition(other)

    def seconds(granule):
        start, end = granule.interval
        return {start + timedelta(seconds=second) for second in range((end - start).seconds)}

    for granule, reason in dropped:
        newer = [g for g in kept if g.rank[:3] >= granule.rank[:3] and g.same_acquisition(granule)]
        ground = set().union(*map(seconds, newer)) & seconds(granule)
        assert (
            reason.startswith("newer, but covers too little")
            or any(g.maturity != granule.maturity for g in newer)
            or len(ground) >= 0.9 * len(seconds(granule))
        )


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates()
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
keys = ["bbox", "polygon", "granules", "search", "frequency", "terms", "valid_samples_only"]
entries = st.dictionaries(st.sampled_from(keys), trees, max_size=4)
sections = st.dictionaries(st.sampled_from(["search", "frequency", "terms", "archive", "basemap", "other"]), trees)


@given(st.dictionaries(st.text(max_size=6), entries | trees, max_size=2) | trees, sections)
def test_no_configuration_ends_in_anything_but_a_message(aois, others):
    text = yaml.safe_dump({"aois": aois, **others})
    try:
        read_config(yaml.safe_load(text))
    except GcovError as error:
        assert str(error)
