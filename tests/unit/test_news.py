"""What is new since the run before, from what two runs found."""

import numpy as np
import pytest
from helpers import memory_stack
from index import found_in

from gcov.errors import GcovError
from gcov.pages.news import Memory
from gcov.stores.stack import Stack


def found(days: dict[str, str], **confirmed: bool) -> dict:
    """An AOI's dates and patches."""
    dates = {f"2025-{day}T23:47:39": granules for day, granules in days.items()}
    patches = {name: {"words": f"{name} ha", "confirmed": sure} for name, sure in confirmed.items()}
    return {"a": {"dates": dates, "patches": patches}}


THREE = found({"11-23": "G1", "12-05": "G2"}, p=False, q=True)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (found({"11-23": "G1", "12-05": "G2"}, q=True, p=False), ["nothing new"]),
        (
            found({"11-23": "G1", "12-05": "G3", "12-17": "G4"}, p=True, q=True, r=True),
            [
                "1 new date: 2025-12-17",
                "1 date with another release: 2025-12-05",
                "1 new patch: r (r ha)",
                "1 newly confirmed patch: p (p ha)",
            ],
        ),
        (
            found({"12-05": "G2"}, **dict.fromkeys("stuvwxy", False)),
            [
                "1 date no longer used: 2025-11-23",
                "7 new patches: s (s ha), t (t ha), u (u ha), v (v ha), w (w ha) and 2 more",
                "2 patches no longer found",
            ],
        ),
    ],
)
def test_differences_from_the_run_before(now, said):
    assert Memory({}, THREE).renewed(now).news("a") == (said if now != THREE else ["first run: 2 dates, 2 patches"])
    assert Memory(THREE, now).news("a") == said


def test_patches_are_counted_by_table():
    """One clearing is in several: their sum is not the number of clearings."""
    patches = dict.fromkeys(["20260522-1-2", "HVHV felling 20261130-1-2", "HHHH felling 20261130-1-2", "20260522-7-7"])
    known = Memory({}, {"a": {"dates": {"2025-11-23": "G1"}, "patches": patches}})
    assert known.news("a") == ["first run: 1 date, 2 patches, 1 patch (HHHH felling), 1 patch (HVHV felling)"]


def test_a_run_with_nothing_new_says_the_same_again(tmp_path):
    """A page that is made again names what it named, until there is something else; other AOIs keep their own."""
    path = tmp_path / "memory.json"
    Memory.read(path).renewed(THREE).write(path)
    more = found({"11-23": "G1", "12-05": "G2", "12-17": "G4"}, p=False, q=True) | {"b": THREE["a"]}
    Memory.read(path).renewed(more).write(path)
    known = Memory.read(path)
    assert (known.news("a"), known.news("b")) == (["1 new date: 2025-12-17"], ["first run: 2 dates, 2 patches"])
    before = path.read_bytes()
    Memory.read(path).renewed(more).write(path)
    assert path.read_bytes() == before
    assert known.has_granules("a", ["G1", "G2", "G4"]) and not known.has_granules("a", ["G1", "G2"])
    assert not known.has_granules("c", [])
    path.write_bytes(before[:20])
    with pytest.raises(GcovError, match=r"memory.json is damaged.*delete it"):
        Memory.read(path)


def test_what_a_run_found(tmp_path):
    power = np.ones((2, 3, 4), "f4")
    stack = Stack(memory_stack({"HHHH": power}, power.astype("u1"), granule=["G1", "G2 G3"]), valid_samples_only=True)
    history, change = tmp_path / "change_patches.csv", tmp_path / "HHHH" / "change" / "felling.csv"
    change.parent.mkdir(parents=True)
    times = "2025-11-23T23:47:39,2025-12-05T23:47:39"
    history.write_text(
        "id,start,end,confirmed,area_ha,step_db_HHHH,step_db_HVHV\r\n"
        f"20251205-1-2,{times},True,12.345,-3.06,\r\n20251205-7-2,{times},False,1.2,1.5,0.04\r\n"
    )
    change.write_text(f"id,start,end,area_ha,step_db_HHHH\r\n20251205-1-2,{times},3.0,-4.0\r\n")
    known = found_in(stack, [history, change])
    assert known["dates"] == {"2025-11-23T23:47:39": "G1", "2025-12-05T23:47:39": "G2 G3"}
    assert known["patches"] == {
        "20251205-1-2": {"words": "12.3 ha, 2025-11-23 to 2025-12-05, HHHH -3.1 dB", "confirmed": True},
        "20251205-7-2": {"words": "1.2 ha, 2025-11-23 to 2025-12-05, HHHH +1.5 dB, HVHV +0.0 dB", "confirmed": False},
        "HHHH felling 20251205-1-2": {"words": "3.0 ha, 2025-11-23 to 2025-12-05, HHHH -4.0 dB", "confirmed": False},
    }
