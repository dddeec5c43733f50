"""Damage each dataset and attribute of a granule: a correct result, or one message that names the granule.

Every fifth of them; `make soak` takes all.
"""

import os
import shutil
from collections import Counter
from dataclasses import replace

import h5py
import numpy as np
import pytest
from helpers import BBOX, FIRST

from gcov.archive.catalog import listed_granules
from gcov.errors import GcovError
from gcov.granule.product import open_band
from gcov.stores import outlines
from gcov.stores.grid import aoi_window
from gcov.testing.synthetic import granule_name, write_granule

pytestmark = pytest.mark.long

GROUPS = ("science/LSAR/identification", "science/LSAR/GCOV/grids/frequencyA")


@pytest.fixture(scope="module")
def whole(band, tmp_path_factory):
    """A granule that is as it should be, with the exception mask of specification 1.6.0."""
    layer = np.full(band().mask.shape, 256 | 512, np.uint16)
    folder = tmp_path_factory.mktemp("whole")
    name = granule_name(start=FIRST)
    return write_granule(folder, name, {"A": replace(band(), exceptions=layer)}, chunks=(64, 64))


def read(path):
    """What clip makes of a file: the granule, and its layers in the AOI."""
    (granule,) = listed_granules((str(path),), None)
    with open_band(granule.path, granule.label, "A") as band:
        band.check_layers([term for term in ("HHHH", "HVHV") if granule.holds(term, "A")])
        window = aoi_window(band.data, BBOX, granule.label)
        assert outlines.stated(band.footprint[0]).is_valid
        return granule, dict(band.layers(["HHHH", "HVHV"], window))


def nodes(path) -> list[tuple[str, str | None]]:
    """Every dataset of GROUPS, and every attribute of theirs."""
    found = []
    with h5py.File(path) as file:
        for group in GROUPS:
            for name, node in [("", file[group]), *file[group].items()]:
                if isinstance(node, h5py.Group) and name:
                    continue
                where = f"{group}/{name}".rstrip("/")
                found += [(where, None)] if name else []
                found += [(where, key) for key in node.attrs]
    return found


def remove(parent, name):
    del parent[name]


def empty(parent, name):
    del parent[name]
    parent[name] = h5py.Empty("f4")


def retype(parent, name):
    value = parent[name][()] if isinstance(parent, h5py.Group) else parent[name]
    del parent[name]
    number = np.asarray(value).dtype.kind in "fiuc"
    parent[name] = np.bytes_("?") if number else np.float64(-1)


def reshape(parent, name):
    value = np.asarray(parent[name][()] if isinstance(parent, h5py.Group) else parent[name])
    del parent[name]
    value = value.astype("S") if value.dtype.kind == "U" else value
    if value.dtype != object:  # links between axes and layers
        parent[name] = np.stack([value, value]) if value.ndim < 2 else value[:-1]


@pytest.mark.parametrize("damage", [remove, empty, retype, reshape], ids=lambda damage: damage.__name__)
def test_one_thing_damaged(whole, tmp_path, damage):
    granule, wanted = read(whole)
    ends, wrong = Counter(), []
    tried = nodes(whole)[:: 1 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 5]
    for number, (where, attribute) in enumerate(tried):
        path = tmp_path / str(number) / whole.name
        path.parent.mkdir()
        shutil.copyfile(whole, path)
        with h5py.File(path, "r+") as file:
            group, _, name = where.rpartition("/")
            damage(file[where].attrs if attribute else file[group], attribute or name)
        try:
            found_granule, found = read(path)
        except GcovError as error:
            assert whole.stem in str(error), (where, attribute, str(error))
            ends["a message"] += 1
            continue
        except Exception as error:
            wrong.append(f"{where} {attribute}: {type(error).__name__}: {error}"[:300])
            continue
        assert found_granule.name == granule.name
        for name in ("HHHH", "HVHV", "mask"):
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=f"{where} {attribute} {name}")
        ends["a right result"] += 1
    print(damage.__name__, dict(ends))
    assert not wrong, "\n".join(wrong)
    assert ends["a right result"] > 25 and sum(ends.values()) == len(tried)
