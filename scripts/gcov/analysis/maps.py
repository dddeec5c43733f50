"""The maps in the change stores: their dtypes and CF attributes."""

from collections.abc import Mapping
from typing import Any

NO_DATA = -128  # in int8 maps
NO_COUNT = 255  # in n_changes
NO_NUMBER = 65535  # in numbers of dates
NEVER = -1  # in place of a date index
CHANGE = {"log_ratio_db": "f4", "p_value": "f4", "change": "i1", "n_before": "u2", "n_after": "u2"}
DATES = ("first_change", "last_change", "largest_change")
HISTORY = {"p_value": "f4", "n_changes": "u1", **dict.fromkeys(DATES, "M8[s]"), "direction": "i1"}
SIGNS = {
    "flag_values": [-1, 0, 1, NO_DATA],
    "flag_meanings": "backscatter_fell no_significant_change backscatter_rose no_data",
}
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "log_ratio_db": {"units": "dB", "long_name": "mean backscatter after over that before"},
    "p_value": {"units": "1", "long_name": "probability that speckle alone makes as great a change"},
    "change": {"long_name": "significant change", **SIGNS},
    "n_before": {"units": "1", "long_name": "valid dates before"},
    "n_after": {"units": "1", "long_name": "valid dates after"},
    "n_changes": {"units": "1", "long_name": "number of significant changes", "_FillValue": NO_COUNT},
    "first_change": {"long_name": "first valid date after the first change, UTC"},
    "last_change": {"long_name": "first valid date after the last change, UTC"},
    "largest_change": {"long_name": "first valid date after the most significant change, UTC"},
    "direction": {
        "long_name": "sign of the term's change in the interval, where the test of all terms found one",
        **SIGNS,
    },
}


def attributes_of(name: str) -> Mapping[str, Any]:
    """CF attributes of a map."""
    return _ATTRIBUTES[name]
