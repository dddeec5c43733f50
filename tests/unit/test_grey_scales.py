"""Grey scales: measured, or as the configuration sets them."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from helpers import memory_stack
from PIL import Image

from gcov.pages.index import Area, picture
from gcov.stores.stack import Stack
from gcov.stretch import limits


def test_limits_are_those_that_are_set_else_those_that_were_measured(tmp_path):
    path = tmp_path / "stretch.json"
    path.write_text(json.dumps({"q05": -22.5, "q95": -3.1}))
    assert limits(path, None) == (-22.5, -3.1) and limits(path, [-30, 0]) == (-30, 0)


@pytest.mark.parametrize(("shown_db", "black", "white"), [({}, -19, -1), ({"HHHH": [-40, 10]}, -40, 10)])
def test_the_image_of_a_card_has_these_limits(shown_db, black, white):
    """Samples from -20 to 0 dB, whose 5 and 95 % quantiles are -19 and -1 dB."""
    db = np.linspace(-20, 0, 10_000).reshape(1, 100, 100)
    stack = Stack(
        memory_stack({"HHHH": (10 ** (db / 10)).astype("f4")}, np.ones(db.shape, "u1")),
        looks=None,
        valid_samples_only=True,
    )
    series = pd.DataFrame({"time": pd.to_datetime(["2025-11-23"]), "n_valid": [db.size]})
    area = Area(stack, {}, pd.DataFrame(), explored=False, min_valid_fraction=0.5, shown_db=shown_db)
    text = picture(area, "HHHH", series).split("base64,")[1].rstrip('">')
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")).astype(float)
    wanted = np.clip((db[0] - black) / (white - black), 0, 1) * 253
    assert np.abs(grey - wanted).max() < 1.6
