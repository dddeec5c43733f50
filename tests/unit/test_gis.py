"""What other programs open: the typed table of granules, and the GeoTIFFs as layers of QGIS."""

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import rasterio
from granules_parquet import granules_parquet
from helpers import FIRST
from qgis_layers import qgis_layers

from gcov.export import qgis
from gcov.granules import from_name, write_table
from gcov.testing.synthetic import granule_name


def test_the_typed_table_has_the_columns_and_values_of_the_csv(tmp_path):
    names = [granule_name(mode="0505", start=FIRST + timedelta(days=days)) for days in (0, 12)]
    kept, dropped = (from_name(name, size=size) for name, size in zip(names, (5 * 2**32, None)))
    csv, parquet = tmp_path / "granules.csv", tmp_path / "granules.parquet"
    write_table(csv, [kept], [(dropped, "withdrawn")])
    granules_parquet(table=csv, output=parquet)
    for engine in ("pyarrow", "fastparquet"):
        found = pd.read_parquet(parquet, engine=engine)
        assert list(found) == list(pd.read_csv(csv, nrows=0))
        assert found["name"].tolist() == names and found["mode"].tolist() == ["0505", "0505"]
        assert found["start"].tolist() == [pd.Timestamp(FIRST), pd.Timestamp(FIRST + timedelta(days=12))]
        assert found["kept"].tolist() == [True, False] and found["reason"][1] == "withdrawn"
        assert found["size"][0] == 5 * 2**32 and pd.isna(found["size"][1]) and pd.isna(found["url"]).all()


def geotiff(path: Path, *bands, names=("HVHV db",), unit="dB") -> Path:
    """A GeoTIFF (y, x) in UTM 45 N."""
    profile = {"driver": "GTiff", "dtype": "float32", "count": len(bands), "crs": "EPSG:32645", "nodata": np.nan}
    ny, nx = bands[0].shape
    transform = rasterio.Affine(20, 0, 2e5, 0, -20, 3e6)
    with rasterio.open(path, "w", **profile, height=ny, width=nx, transform=transform) as file:
        for index, (band, name) in enumerate(zip(bands, names), start=1):
            file.write(band.astype("f4"), index)
            file.set_band_description(index, name)
            file.set_band_unit(index, unit)
    return path


@pytest.fixture
def layers(tmp_path):
    """The layer definition of the files of two products over three dates, and of three maps; by id."""
    ramp = np.linspace(0, 1, 100 * 100).reshape(100, 100)
    days = ("20251123", "20251205", "20251229T234739")
    files = [geotiff(tmp_path / f"{product}_HVHV_{day}.tif", ramp) for product in ("power", "db") for day in days]
    files += [geotiff(tmp_path / "change_felling_HVHV.tif", ramp), geotiff(tmp_path / "RVI_20251123.tif", ramp)]
    files += [geotiff(tmp_path / "statistics_HVHV.tif", 99 * ramp, ramp, ramp, names=("count", "mean", "std"))]
    (tmp_path / "HVHV").mkdir()
    (tmp_path / "HVHV" / "stretch.json").write_text('{"q05": -30, "q95": -10}')
    stretches = [tmp_path / "HVHV" / "stretch.json"]
    qgis_layers(aoi="valley", geotiffs=files, stretches=stretches, shown_db={}, output=tmp_path / "valley.qlr")
    root = ElementTree.parse(tmp_path / "valley.qlr").getroot()
    fixed = tmp_path / "fixed.qlr"
    qgis_layers(aoi="valley", geotiffs=files, stretches=stretches, shown_db={"HVHV": [-31, -4]}, output=fixed)
    assert "<minValue>-31<" in fixed.read_text() and "<minValue>-31<" not in (tmp_path / "valley.qlr").read_text()
    return root, {one.findtext("id"): one for one in root.find("maplayers")}


def limits(layer) -> tuple[float, float]:
    return float(layer.findtext(".//minValue")), float(layer.findtext(".//maxValue"))


def test_each_geotiff_is_a_layer_in_its_group_with_the_latest_date_on_top(layers):
    root, maps = layers
    (top,) = root.findall("layer-tree-group")
    groups = {one.get("name"): [layer.get("id") for layer in one] for one in top.findall("layer-tree-group")}
    days = ("20251229T234739", "20251205", "20251123")
    assert groups == {
        "db_HVHV": [f"db_HVHV_{day}" for day in days],
        "RVI": ["RVI_20251123"],
        "power_HVHV": [f"power_HVHV_{day}" for day in days],
    }
    assert [one.get("checked") for one in top] == ["Qt::Checked", *["Qt::Unchecked"] * 4]
    assert {one.get("id") for one in root.iter("layer-tree-layer")} == set(maps)
    assert all(one.findtext("datasource") == f"./{name}.tif" for name, one in maps.items())
    assert {one.findtext("srs/spatialrefsys/authid") for one in maps.values()} == {"EPSG:32645"}


def test_a_date_is_shown_until_the_next_one(layers):
    spans = {name: (one.findtext(".//start"), one.findtext(".//end")) for name, one in layers[1].items()}
    assert spans["db_HVHV_20251123"] == ("2025-11-23T00:00:00Z", "2025-12-05T00:00:00Z")
    assert spans["db_HVHV_20251205"] == ("2025-12-05T00:00:00Z", "2025-12-29T23:47:39Z")
    assert spans["db_HVHV_20251229T234739"] == ("2025-12-29T23:47:39Z", "2026-01-10T23:47:39Z")
    assert spans["statistics_HVHV"] == (None, None)


def test_stretches_are_those_of_the_term_or_of_the_samples(layers):
    maps = layers[1]
    assert limits(maps["db_HVHV_20251205"]) == (-30, -10)
    assert limits(maps["power_HVHV_20251205"]) == (0.001, 0.1)
    assert limits(maps["RVI_20251123"]) == pytest.approx((0.02, 0.98), abs=2e-3)
    assert limits(maps["statistics_HVHV"]) == pytest.approx((0.02, 0.98), abs=2e-3)  # of the mean, not of the count
    assert maps["statistics_HVHV"].find(".//rasterrenderer").get("grayBand") == "2"
    scale = [(float(item.get("value")), item.get("color")) for item in maps["change_felling_HVHV"].iter("item")]
    assert [value for value, _ in scale] == [-6, -4.5, -3, -1.5, 0, 1.5, 3, 4.5, 6]
    assert (scale[0][1], scale[-1][1]) == ("#ce3621", "#2c4270")


def test_a_file_without_a_valid_sample_has_a_stretch(tmp_path):
    path = geotiff(tmp_path / "RVI_20251123.tif", np.full((5, 5), np.nan))
    ((_, one),) = [
        (layer, ElementTree.fromstring(qgis.definition("a", [layer], {}, ()).partition("\n")[2]))
        for layer in qgis.layers([path])
    ]
    assert limits(one) == (0, 1)
