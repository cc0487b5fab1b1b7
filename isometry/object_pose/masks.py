"""Where the pixels of a mask are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isometry.arrays import Flags


class Bounds(NamedTuple):
    """The outermost pixels of a mask."""

    left: int
    top: int
    right: int
    bottom: int


def bounds(mask: Flags) -> Bounds | None:
    """The outermost pixels of a mask (H,W); None without any."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    return Bounds(int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))
