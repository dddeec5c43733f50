"""Names, passes, and granules that cannot form one series."""

import csv
import os
from datetime import datetime

import pytest
import yaml
from helpers import FACTS

from gcov import granules
from gcov.errors import GcovError
from gcov.granules import Granule, from_name, from_url, maturity_of, passes
from gcov.inputs.config import read_config
from gcov.releases import newest_releases
from gcov.testing.synthetic import granule_name

NAME = "NISAR_L2_PR_GCOV_006_026_A_016_4005_DHDH_A_20251123T234739_20251123T234814_X05009_N_F_J_001"
ARCHIVE = "https://nisar.asf.earthdatacloud.nasa.gov/NISAR"


def granule(start="20251123T234739", end="20251123T234814", **facts) -> Granule:
    start, end = (datetime.strptime(time, "%Y%m%dT%H%M%S") for time in (start, end))
    return from_name(granule_name(start=start, end=end, **facts))


def test_name_is_taken_apart():
    assert from_name(NAME, path="a.h5", size=7) == Granule(
        name=NAME,
        path="a.h5",
        size=7,
        start="2025-11-23T23:47:39",
        end="2025-11-23T23:48:14",
        cycle=6,
        track=26,
        direction="A",
        frame=16,
        mode="4005",
        polarizations="DHDH",
        crid="X05009",
        maturity="BETA",
        counter=1,
        coverage="F",
        accuracy="N",
    )


@pytest.mark.parametrize(
    "name",
    [
        NAME + "_QA_STATS",
        NAME + ".h5",
        NAME.replace("GCOV", "GSLC"),
        NAME.replace("X05009", "05009"),
        NAME.replace("_A_016", "_X_016"),
        "x" + NAME,
        "",
    ],
)
def test_other_names_are_no_granules(name):
    assert from_name(name) is None


@pytest.mark.parametrize(
    ("crid", "collection", "maturity"),
    [
        ("X05009", "", "BETA"),
        ("P05022", "", "BETA"),
        ("P05023", "", "PROVISIONAL"),
        ("X05026", "", "PROVISIONAL"),
        ("X05009", "NISAR_EA_L2", "BETA"),
        ("X05026", "NISAR_CUSTOM_PROVISIONAL_V1", "PROVISIONAL"),
        ("X05009", "NISAR_L2_GCOV_PROVISIONAL_V1", "PROVISIONAL"),
        ("P05023", "NISAR_L2_GCOV_BETA_V1", "BETA"),
        ("P05023", "NISAR_L2_GCOV_V1", "VALIDATED"),
        ("P05023", "NISAR_L2_GCOV_V2", "VALIDATED"),
        ("P05023", "some_bucket", "PROVISIONAL"),
    ],
)
def test_maturity_is_the_collections_else_the_crids(crid, collection, maturity):
    assert maturity_of(crid, collection) == maturity


@pytest.mark.parametrize(("letter", "maturity"), [("B", "BETA"), ("P", "PROVISIONAL"), ("V", "VALIDATED")])
def test_maturity_by_the_doi_where_no_collection_is_known(letter, maturity):
    assert maturity_of("X05026", doi=f"10.5067/NIL2GCOV-{letter}1") == maturity
    assert maturity_of("X05026", "NISAR_L2_GCOV_V1", f"10.5067/NIL2GCOV-{letter}1") == "VALIDATED"


def test_url_names_granule_and_collection():
    url = f"{ARCHIVE}/NISAR_L2_GCOV_V1/{NAME}/{NAME}.h5?A-userid=x"
    found = from_url(url)
    # a signature is used, and written nowhere
    assert (found.name, found.url, found.s3_url, found.path) == (NAME, url.split("?")[0], None, None)
    assert found.maturity == "VALIDATED"
    s3 = from_url(f"s3://bucket/NISAR_L2_GCOV_PROVISIONAL_V1/{NAME}/{NAME}.h5")
    assert (s3.url, s3.maturity) == (None, "PROVISIONAL")
    with pytest.raises(GcovError, match="does not end in the name of a NISAR L2 GCOV granule"):
        from_url(f"{ARCHIVE}/{NAME}/{NAME}_QA_STATS.h5")


def test_passes_gather_adjacent_frames_in_order_of_time():
    late = granule(cycle=7, start="20251205T234739", end="20251205T234814")
    first, second = granule(frame=16), granule(frame=17, start="20251123T234812", end="20251123T234847")
    assert passes([late, second, first]) == [[first, second], [late]]


def test_a_pass_over_midnight_is_one_date():
    first = granule(start="20251123T235950", end="20251124T000020")
    second = granule(start="20251124T000020", end="20251124T000050", frame=17)
    assert passes([first, second]) == [[first, second]]


def test_several_series_are_refused_with_a_table():
    found = [
        granule(),
        granule(cycle=7, start="20251205T234739", end="20251205T234814", frame=17),
        granule(mode="4005", pols="SHSH"),
    ]
    with pytest.raises(GcovError) as caught:
        granules.check_one_series(found, "A", ["HHHH"])
    lines = [line.split() for line in str(caught.value).splitlines()]
    assert lines[1] == ["track", "direction", "mode", "polarizations", "frames", "granules", "dates"]
    assert lines[2] == ["26", "A", "2005", "DHDH", "16,17", "2", "2025-11-23", "..", "2025-12-05", "(2", "days)"]
    assert lines[3] == ["26", "A", "4005", "SHSH", "16", "1", "2025-11-23", "..", "2025-11-23", "(1", "days)"]
    assert "list only its files under this AOI's granules" in str(caught.value)
    assert "search" not in str(caught.value)  # a list of granules and a search exclude each other


@pytest.mark.parametrize(
    ("other", "key"),
    [({"track": 99}, "relative_orbit"), ({"direction": "D"}, "flight_direction"), ({"mode": "4005"}, "mode")],
)
def test_the_table_names_the_key_that_narrows(other, key):
    with pytest.raises(GcovError, match=f"set {key}"):
        granules.check_one_series([granule(), granule(**other)], "A", ["HHHH"], {})


def test_each_line_of_the_table_has_a_search_to_copy():
    found = [granule(), granule(track=99, direction="D"), granule(mode="4005")]
    query = {"start": "2025-11-22T00:00:00", "frame": [16, 17]}
    with pytest.raises(GcovError) as caught:
        granules.check_one_series(found, "A", ["HHHH"], query)
    lines = [yaml.safe_load(line)["search"] for line in str(caught.value).splitlines() if "search: {" in line]
    keys = ("relative_orbit", "flight_direction", "mode")
    chosen = [(26, "ASCENDING", "2005"), (26, "ASCENDING", "4005"), (99, "DESCENDING", "2005")]
    assert lines == [query | dict(zip(keys, each)) for each in chosen]
    read_config({"aois": {"a": {"bbox": [1, 2, 3, 4], "search": lines[0]}}})  # is accepted as it stands


def test_one_series_with_several_frames_and_maturities_passes():
    granules.check_one_series([granule(), granule(frame=17), granule(cycle=7, crid="P05023")], "A", ["HHHH"])


def test_polarizations_may_alternate_and_the_other_band_may_differ():
    found = [granule(), granule(cycle=7, pols="SHSH"), granule(cycle=8, mode="2000", pols="DHNA")]
    granules.check_one_series(found, "A", ["HHHH", "HVHV"])
    with pytest.raises(GcovError, match="no granule has the term VVVV in frequency A; polarizations: DHDH, DHNA, SHSH"):
        granules.check_one_series(found, "A", ["VVVV"])
    with pytest.raises(GcovError, match="set mode under"):
        granules.check_one_series(found, "B", ["HHHH"], {})
    with pytest.raises(GcovError, match="polarizations: NADH; with `frequency: B` there is one"):
        granules.check_one_series([granule(mode="0005", pols="NADH")], "A", ["HHHH"])


@pytest.mark.parametrize(
    ("maturities", "note"),
    [
        (["PROVISIONAL", "PROVISIONAL"], None),
        (["VALIDATED"], None),
        (["BETA", "BETA"], r"BETA data \(2 dates\)"),
        (["BETA", "PROVISIONAL", "PROVISIONAL"], r"mixes maturities \(1 BETA, 2 PROVISIONAL dates\)"),
        (["VALIDATED", "PROVISIONAL"], r"mixes maturities \(1 PROVISIONAL, 1 VALIDATED dates\)"),
        (["BETA PROVISIONAL"], "mixes maturities"),
    ],
)
def test_maturity_note(maturities, note):
    import re

    found = granules.maturity_note(maturities)
    assert found is None if note is None else re.match(note, found)


def test_records_come_back(tmp_path):
    wanted = granule(crid="P05023")
    granules.write_records(tmp_path / "granules", [wanted])
    assert granules.kept_names(tmp_path / "granules") == [wanted.name]
    assert granules.read_record(tmp_path / "granules" / f"{wanted.name}.json") == wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("data/./a.h5", "data/a.h5"),
        ("../data/a.h5", "../data/a.h5"),
        (f"{os.getcwd()}/data/a.h5", "data/a.h5"),
        ("/data/a.h5", "/data/a.h5"),
    ],
)
def test_local_file_of_a_record(path, wanted, tmp_path):
    """Relative where it may be moved with the results."""
    local = from_name(NAME, path=path)
    remote = granule(cycle=7)
    granules.write_records(tmp_path / "granules", [local, remote])
    assert granules.local_file(tmp_path / "granules", local.name) == [wanted]
    assert granules.local_file(tmp_path / "granules", remote.name) == []
    with pytest.raises(GcovError, match="not among the granules kept"):
        granules.local_file(tmp_path / "granules", "other")


def test_table_lists_all_in_order_of_time(tmp_path):
    late = granule(cycle=7, start="20251205T234739", end="20251205T234814")
    old, new = granule(), granule(crid="X05010")
    granules.write_table(tmp_path / "granules.csv", *newest_releases([late, old, new]))
    with open(tmp_path / "granules.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["kept"]) for row in rows] == [
        (old.name, "false"),
        (new.name, "true"),
        (late.name, "true"),
    ]
    assert list(rows[0]) == [*FACTS, "kept", "reason"]
    assert rows[0]["reason"].startswith("superseded by") and rows[1]["reason"] == ""
    assert (rows[1]["cycle"], rows[1]["url"], rows[1]["frame"]) == ("6", "", "16")


def test_a_file_without_a_crid_is_somebodys_own():
    own = Granule(
        name="mine", start="2025-11-23T23:47:39", end="2025-11-23T23:48:14", crid="", maturity=maturity_of("")
    )
    assert (own.maturity, own.rank) == ("BETA", (0, 0, 0, 0))
    assert newest_releases([own]) == ([own], [])


def test_acquisitions_of_one_name_are_refused():
    same = {"name": "gcov", "crid": "X05009", "maturity": "BETA"}
    pair = [Granule(**same, path=f"{day}/gcov.h5", start=day, end=day) for day in ("2025-11-23", "2025-12-05")]
    granules.check_names(pair[:1])
    with pytest.raises(GcovError, match=r"2025-11-23/gcov.h5\)\n  gcov \(2025-12-05/gcov.h5"):
        granules.check_names(pair)


def test_a_lost_record_or_row_is_named(tmp_path):
    folder, table = tmp_path / "granules", tmp_path / "granules.csv"
    kept, other = [granule(), granule(cycle=7)], granule(cycle=8)
    granules.write_records(folder, kept)
    granules.write_table(table, kept, [(other, "superseded")])
    granules.check_records(folder, table)
    (folder / f"{kept[0].name}.json").unlink()
    with pytest.raises(GcovError, match=f"differ: only one of them holds {kept[0].name}; run .* -R search"):
        granules.check_records(folder, table)
    granules.write_table(table, kept[1:], [])
    granules.check_records(folder, table)
    granules.write_table(table, [], [(other, "superseded")])
    with pytest.raises(GcovError, match=f"only one of them holds {kept[1].name};"):
        granules.check_records(folder, table)


def test_a_table_that_a_spreadsheet_has_written_is_read_or_refused_by_name(tmp_path):
    folder, table = tmp_path / "granules", tmp_path / "granules.csv"
    granules.write_records(folder, [granule()])
    granules.write_table(table, [granule()], [])
    written = table.read_bytes()
    table.write_bytes(b"\xef\xbb\xbf" + written.replace(b"\n", b"\r\n"))
    granules.check_records(folder, table)
    table.write_bytes(written + "für mich".encode("latin-1") + b"\n")
    with pytest.raises(GcovError, match=r"granules.csv is damaged: it is not UTF-8; run .* -R search"):
        granules.check_records(folder, table)
