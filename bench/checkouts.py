"""The working trees that are measured: this one, and with `make bench BEFORE=...` an earlier one beside it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import REPO


@dataclass(frozen=True)
class Checkout:
    """A working tree of the project; its code runs in processes of its own, which import no other tree's."""

    name: str
    root: Path

    @property
    def pythonpath(self) -> str:
        """What its processes import from."""
        return os.pathsep.join(str(self.root / folder) for folder in ("scripts", "tests"))


HERE = Checkout("after", REPO)


def in_turn(checkouts: list[Checkout], measure: Callable, repeats: int) -> dict[str, list]:
    """What `measure` gives for each checkout, by its name: in alternating order, for the machine's mood changes."""
    taken = {checkout.name: [] for checkout in checkouts}
    for repeat in range(repeats):
        for checkout in checkouts[:: (-1) ** repeat]:
            taken[checkout.name].append(measure(checkout))
    return taken


def least(taken: dict[str, list], key: Callable) -> dict:
    """The cheapest of each checkout's runs: on a shared machine everything else is noise on top of it."""
    return {name: min(runs, key=key) for name, runs in taken.items()}


def each(values: dict, function: Callable) -> dict:
    """The function of each checkout's value."""
    return {name: function(value) for name, value in values.items()}
