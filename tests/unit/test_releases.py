"""Which release of an acquisition is kept, and which of several files and addresses of one granule."""

import itertools
import os
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from helpers import FIRST

from gcov.errors import GcovError
from gcov.granules import Granule, from_name, from_url
from gcov.releases import newest_releases
from gcov.testing.synthetic import granule_name

ARCHIVE = "https://nisar.asf.earthdatacloud.nasa.gov/NISAR"


def release(crid="X05009", first=0, last=35, **facts) -> Granule:
    """A granule of one frame and pass, from second to second."""
    start, end = (FIRST + timedelta(seconds=second) for second in (first, last))
    return from_name(granule_name(start=start, end=end, crid=crid, **facts))


def test_rank_is_maturity_then_crid_digits_then_accuracy_then_counter():
    rising = [
        replace(release(counter=9), accuracy=None),
        release(accuracy="F", counter=2),
        release(accuracy="N"),
        release(accuracy="N", counter=2),
        release(accuracy="M"),
        release(accuracy="P"),
        release("X05010"),
        release("X05013", accuracy="F", counter=9),
        release("P05020"),
        release("P05023"),
        release("P05023", counter=2),
        release("P05023", accuracy="P"),
        release("X05026"),
    ]
    for order in itertools.islice(itertools.permutations(rising), 500):
        assert sorted(order, key=lambda g: g.rank) == rising


def test_rank_takes_the_collection_before_the_letter():
    """A validated granule keeps its P until a new CRID letter comes: the collection decides."""
    validated = from_url(f"{ARCHIVE}/NISAR_L2_GCOV_V1/x/{release('P05009').name}.h5")
    assert release("X05010").rank < release("P05023").rank < validated.rank


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (release("X05007"), release("X05009")),
        (release("X05009"), release("X05010")),
        (release(counter=1), release(counter=2)),
        (release(accuracy="N", counter=2), release(accuracy="P", counter=1)),
        (release("X05010"), release("P05023")),
        (release("X05010", counter=3), release("P05023")),
        (release("P05023", counter=3), release("X05026")),
        (release(), release("X05010", 2, 35)),  # other length, one take
    ],
)
def test_only_the_newest_release_is_kept(old, new):
    for found in ([old, new], [new, old]):
        kept, dropped = newest_releases(found)
        assert kept == [new]
        assert dropped == [(old, f"superseded by {new.name} ({new.maturity} {new.crid})")]


FULL = release("X05009")


@pytest.mark.parametrize(
    ("found", "kept", "shares"),
    [
        # a newer release that covers too little is dropped, whatever makes it newer
        ([FULL, release("X05010", 0, 18, coverage="P")], [0], []),
        ([FULL, release("X05009", 0, 18, counter=2)], [0], []),
        ([FULL, release("X05009", 20, 35, accuracy="P")], [0], []),
        ([release("P05023"), release("X05026", 31, 35)], [0], []),
        ([FULL, release("X05010", 4, 35)], [0], []),  # 88 %
        ([FULL, release("X05010", 3, 35)], [1], [91]),
        ([release(last=30), release("X05010", 3, 35)], [1], [90]),
        ([release(last=30), release("X05010", 4, 35)], [0], [83]),  # of the newer one, five seconds are lost
        # several newer ones together
        ([FULL, release("X05010", 0, 18), release("X05010", 18, 35)], [1, 2], []),
        ([FULL, release("X05010", 0, 17), release("X05010", 18, 35, counter=2)], [1, 2], [97]),
        ([FULL, release("X05010", 0, 19), release("X05010", 17, 35)], [1, 2], []),
        ([FULL, release("X05010", 0, 19), release("X05010", 17, 35, counter=2)], [1, 2], []),
        ([FULL, release("X05010", 0, 18), release("X05013", 18, 35)], [1, 2], []),
        ([FULL, release("X05010", 0, 14), release("X05010", 21, 35)], [0], []),
        ([release(last=18), release(first=18), release("X05010")], [2], []),
        ([release(last=18), release(first=18), release("X05010", 0, 25)], [0, 1], []),
        # what a dropped partial release had replaced is kept again
        ([FULL, release("X05010"), release("X05013", 0, 18)], [1], []),
        ([FULL, release("X05010", 0, 19), release("X05013", 0, 18)], [0], []),
        ([release(last=18), release("X05010", 18, 35), release("X05013", 10, 35)], [0, 1], []),
        # what competes with a dropped one alone is kept
        ([release(last=20), release("X05010", 15, 28), release("X05013", 22, 35)], [0, 2], [84]),
        # a more mature release wins, whatever it covers
        ([release("X05010"), release("P05023", 0, 18)], [1], [51]),
        ([FULL, release("X05010", 0, 34), release("P05023", 30, 35)], [2], [11, 14]),
        ([release("X05010"), release("P05023"), release("X05026", 0, 18)], [1], []),
        # parts of one release
        ([release(last=20), release(first=25)], [0, 1], []),
        ([release(last=20), release(first=20, counter=2)], [0, 1], []),
        ([release(last=20), release(first=18, counter=2)], [0, 1], []),
        ([release(last=20), release("X05010", 18, 35)], [0], [11]),
    ],
)
def test_no_ground_is_lost_to_a_newer_partial_release(found, kept, shares, caplog):
    """`shares`: what is kept of each dropped granule that loses ground, in percent, in the order of the warnings."""
    for order in itertools.permutations(found):
        caplog.clear()
        used, dropped = newest_releases(order)
        assert used == sorted((found[i] for i in kept), key=lambda g: (g.start, g.name))
        assert sorted(g.name for g, _ in dropped) == sorted(g.name for g in found if g not in used)
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [int(text.split(" %")[0].split()[-1]) for text in warnings] == shares
        assert all(any(g.name in text for g, _ in dropped) for text in warnings)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([FULL, release("X05010", 0, 18)], f"newer, but covers too little: 51 % of {FULL.name}"),
        (
            [FULL, release("X05010", 0, 14), release("X05010", 21, 35)],
            f"newer, but covers too little: 80 % of {FULL.name} with other newer ones",
        ),
        (
            [release("P05023", 0, 18), FULL],
            f"superseded by {release('P05023', 0, 18).name} (PROVISIONAL P05023), only 51 % of its interval",
        ),
        (
            [release("X05010", 18, 35), release("X05010", 0, 18), FULL],
            f"superseded by {release('X05010', 18, 35).name} (BETA X05010)"
            f" and {release('X05010', 0, 18).name} (BETA X05010)",
        ),
    ],
)
def test_the_reason_says_how_much_is_covered(found, reason):
    assert {said for _, said in newest_releases(found)[1]} == {reason}


@pytest.mark.parametrize("other", [{"cycle": 7}, {"frame": 17}, {"mode": "4005"}, {"pols": "SHSH"}, {"track": 27}])
def test_other_acquisitions_are_all_kept(other):
    pair = [release(), release("P05023", **other)]
    assert newest_releases(pair) == (sorted(pair, key=lambda g: (g.start, g.name)), [])


def test_intervals_that_touch_do_not_overlap():
    first, second = release(first=10, last=20), release("P05023", 20, 30)
    assert newest_releases([second, first]) == ([first, second], [])


def test_granules_shorter_than_a_second_overlap_themselves_alone():
    """Names carry whole seconds: start and end may be equal."""
    old, new = release(first=10, last=10), release("X05010", 10, 10)
    neighbour = release(first=11, last=11, counter=2)
    kept, dropped = newest_releases([old, neighbour, new])
    assert kept == [new, neighbour]
    assert [g for g, _ in dropped] == [old]


def test_in_a_chain_of_overlaps_the_newest_are_kept():
    """a-b and b-c overlap, a-c do not: b newest drops both, b oldest is dropped by both together."""
    a, c = release(first=10, last=20), release(first=18, last=30)
    assert newest_releases([a, c, release("P05023", 15, 25)])[0] == [release("P05023", 15, 25)]
    assert newest_releases([a, release(first=21, last=30), release("X05007", 15, 25)])[0] == [
        a,
        release(first=21, last=30),
    ]


# ---- one granule found several times

TWICE = "the same granule, found twice"


def test_a_local_file_is_used_before_an_address_otherwise_the_first(caplog):
    """Whatever the maturity that an address tells; nothing is read to compare."""
    caplog.set_level("INFO")
    local = replace(release(), path="data/x.h5")
    first, second = (from_url(f"https://{host}/{local.name}.h5") for host in ("a", "b"))
    validated = from_url(f"{ARCHIVE}/NISAR_L2_GCOV_V1/{local.name}/{local.name}.h5")
    for found in itertools.permutations([local, first, validated]):
        kept, dropped = newest_releases(found)
        assert (kept, len(dropped), {reason for _, reason in dropped}) == ([local], 2, {TWICE})
    assert f"found twice: {local.name} (data/x.h5) is used, not https://a/" in caplog.text
    assert newest_releases([second, first]) == ([second], [(first, TWICE)])
    assert f"(https://b/{local.name}.h5) is used, not https://a/{local.name}.h5" in caplog.text
    assert newest_releases([release(), release()]) == ([release()], [(release(), TWICE)])


def local_files(folder, contents, times=(1, 1, 1)) -> list[Granule]:
    """Files of one granule in folders of their own, with these times."""
    paths = []
    for number, (content, time) in enumerate(zip(contents, times)):
        path = folder / str(number) / "x.h5"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        os.utime(path, (time, time))
        paths.append(path)
    return [replace(release(), path=str(path)) for path in paths]


@pytest.mark.parametrize("times", [(5, 5, 5), (1, 2, 3)])
@pytest.mark.parametrize(
    "contents", [(b"abcd", b"abce"), (b"abcd", b"abc"), (b"abcd", b""), (b"abcd", b"abcd", b"abcx")], ids=str
)
def test_local_files_of_one_name_that_differ_are_refused(contents, times, tmp_path):
    files = local_files(tmp_path, contents, times)
    for found in (files, files[::-1], [*files, from_url(f"https://a/{release().name}.h5")]):
        with pytest.raises(GcovError) as caught:
            newest_releases([release("P05023"), *found])  # although a newer release would replace them
        assert str(files[-1].path) in str(caught.value)
        assert sum(file.path in str(caught.value) for file in files) == 2
        assert release().name in str(caught.value)


@pytest.mark.parametrize("copy", [shutil.copy, shutil.copy2, os.symlink, os.link])
def test_a_local_file_and_its_copy_or_link_are_one(copy, tmp_path):
    (file,) = local_files(tmp_path, [b"abcd"])
    copy(file.path, tmp_path / "y.h5")
    other = replace(file, path=str(tmp_path / "y.h5"))
    assert newest_releases([file, other]) == ([file], [(other, TWICE)])
    assert newest_releases([other, file]) == ([other], [(file, TWICE)])


def test_bytes_are_compared_only_where_sizes_agree_and_once(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr("filecmp._do_cmp", lambda *paths: read.append(paths) or True)
    files = local_files(tmp_path, [b"abcd", b"abcf"])
    for _ in range(3):
        newest_releases(files)
    assert len(read) == 1
    os.utime(files[1].path, (99, 99))
    newest_releases(files)
    assert len(read) == 2
    with pytest.raises(GcovError):
        newest_releases([*files, *local_files(tmp_path / "other", [b"abc"])])
    assert len(read) == 2


def test_a_file_that_vanished_is_named(tmp_path):
    files = local_files(tmp_path, [b"abcd", b"abcd"])
    os.remove(files[1].path)
    with pytest.raises(GcovError, match=rf"{files[0].path}.*cannot be compared with {files[1].path} \(No such file"):
        newest_releases(files)
