"""The maps in the change stores: their dtypes and CF attributes."""

from collections.abc import Mapping
from typing import Any

NO_DATA = -128  # in int8 maps
NO_COUNT = 255  # in n_changes
NO_NUMBER = 65535  # in numbers of dates
NEVER = -1  # in place of a date index
CHANGE = {
    "log_ratio_db": "f4", "se_db": "f4", "p_value": "f4", "change": "i1", "n_before": "u2", "n_after": "u2",
    "looks_share": "f4",
}  # fmt: skip
DATES = ("first_change", "last_change", "largest_change")
LAST = "last_valid"
LASTS = "largest_lasts"
STEPS = ("largest_step_db", "largest_step_se_db", "largest_step_p")
NUMBERS = ("largest_n_before", "largest_n_after")
HISTORY = {
    "p_value": "f4", "n_changes": "u1", **dict.fromkeys(DATES, "M8[s]"), "direction": "i1",
    **dict.fromkeys(STEPS, "f4"), **dict.fromkeys(NUMBERS, "u2"), LASTS: "u1", LAST: "M8[s]", "looks_share": "f4",
}  # fmt: skip
# dims of the maps that are not (y, x)
DIMS = {"direction": ("term", "interval", "y", "x"), **dict.fromkeys((*STEPS, "looks_share"), ("term", "y", "x"))}
SIGNS = {
    "flag_values": [-1, 0, 1, NO_DATA],
    "flag_meanings": "backscatter_fell no_significant_change backscatter_rose no_data",
}
DATES_BESIDE = {"units": "1", "_FillValue": NO_NUMBER}
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "log_ratio_db": {"units": "dB", "long_name": "mean backscatter after over that before"},
    "se_db": {"units": "dB", "long_name": "standard error of log_ratio_db due to speckle"},
    "looks_share": {"units": "1", "long_name": "share of the number of looks that texture within the cell leaves"},
    "largest_step_db": {"units": "dB", "long_name": "mean after the most significant change over that before it"},
    "largest_step_se_db": {"units": "dB", "long_name": "standard error of largest_step_db due to speckle"},
    "largest_step_p": {"units": "1", "long_name": "probability of largest_step_db if nothing that counts had changed"},
    "largest_n_before": {"long_name": "valid dates since the change before the most significant one", **DATES_BESIDE},
    "largest_n_after": {"long_name": "valid dates from the most significant change until the next one", **DATES_BESIDE},
    "p_value": {"units": "1", "long_name": "probability that speckle alone makes as great a change"},
    "change": {"long_name": "significant change", **SIGNS},
    "n_before": {"units": "1", "long_name": "valid dates before"},
    "n_after": {"units": "1", "long_name": "valid dates after"},
    "n_changes": {"units": "1", "long_name": "number of significant changes", "_FillValue": NO_COUNT},
    "first_change": {"long_name": "first valid date after the first change, UTC"},
    "last_change": {"long_name": "first valid date after the last change, UTC"},
    "largest_change": {"long_name": "first valid date after the most significant change, UTC"},
    LASTS: {
        "long_name": "whether the most significant change counts between the counted ones before and after it",
        "units": "1",
        "_FillValue": NO_COUNT,
    },
    LAST: {"long_name": "last valid date, UTC"},
    "direction": {"long_name": "sign of the term's change in the interval, where its own step is significant", **SIGNS},
}


def attributes_of(name: str) -> Mapping[str, Any]:
    """CF attributes of a map."""
    return _ATTRIBUTES[name]
