"""What a granule's file states of its processing and quality, in small datasets."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from gcov.hdf5 import FAULTS, find
from gcov.identification import IDENTIFICATION
from gcov.stores.facts import NUMBERS, polarizations

PROCESSING = "science/LSAR/GCOV/metadata/processingInformation"
LIKELIHOOD = "science/LSAR/GCOV/metadata/calibrationInformation/{band}/{pol}/rfiLikelihood"
TEXTS = {
    "product_doi": f"{IDENTIFICATION}/productDoi",
    "software_version": f"{PROCESSING}/algorithms/softwareVersion",
    "joint_observation": f"{IDENTIFICATION}/isJointObservation",
    "diagnostic_mode": f"{IDENTIFICATION}/diagnosticModeFlag",
    "noise_correction_applied": f"{PROCESSING}/parameters/noiseCorrectionApplied",
    "rfi_mitigation_applied": f"{PROCESSING}/parameters/rfiMitigationApplied",
}
NOT_SAID = "(NOT SPECIFIED)"  # what the processor writes for a text that it was not given


def paths(band: str, terms: Sequence[str]) -> list[str]:
    """Where the facts are in a file, for a band such as frequencyA."""
    return [*TEXTS.values(), *(LIKELIHOOD.format(band=band, pol=pol) for pol in polarizations(terms))]


def read(file: h5py.File, band: str, terms: Sequence[str]) -> dict[str, Any]:
    """The facts by name, as `gcov.stores.facts` describes them; one that the file does not state, or not as text, flag
    or number, is left out. `rfi_likelihood` holds the numbers by polarization.
    """
    found = {name: text for name, path in TEXTS.items() if (text := _text(_value(file, path)))}
    values = {pol: _value(file, LIKELIHOOD.format(band=band, pol=pol)) for pol in polarizations(terms)}
    numbers = {pol: float(value) for pol, value in values.items() if isinstance(value, np.floating)}
    return {**found, NUMBERS: {pol: number for pol, number in numbers.items() if np.isfinite(number)}}


def _value(file: h5py.File, path: str) -> Any:
    """A scalar; None if it is missing, damaged or not a scalar."""
    with suppress(*FAULTS):
        node = find(file, path)
        return node[()] if isinstance(node, h5py.Dataset) and node.shape == () else None
    return None


def _text(value: Any) -> str:
    """A text, or a whole number as text; empty if it is neither, or says that nothing was given."""
    if isinstance(value, bytes):
        return text if (text := value.decode(errors="replace").strip("\0 ")) != NOT_SAID else ""
    return str(value) if isinstance(value, np.integer) else ""
