"""Which samples of an image are meant, kept as bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bits:
    """An image (rows, columns) of True and False, in an eighth of its memory: a frame has 256 million samples.

    Rows, or rows and columns, are read as from an array; nothing else is unpacked.
    """

    packed: np.ndarray  # (rows, bytes); 0 beyond the last column
    shape: tuple[int, int]

    @classmethod
    def of(cls, inside: np.ndarray) -> "Bits":
        """Those of an image (rows, columns)."""
        return cls(np.packbits(inside, axis=1), (inside.shape[0], inside.shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice | tuple[slice, slice]) -> np.ndarray:
        rows, columns = part if isinstance(part, tuple) else (part, slice(None))
        return np.unpackbits(self.packed[rows], axis=1, count=self.shape[1]).view(bool)[:, columns]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def sum(self) -> int:
        """How many are True."""
        return int(np.bitwise_count(self.packed).sum())
