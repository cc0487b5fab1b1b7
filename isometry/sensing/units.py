"""A check of the unit of a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FURTHEST_MEDIAN_METRES = 300.0  # no LiDAR measures a median range beyond


def check_metres(squared_ranges: NDArray[np.floating]) -> None:
    """Raise ValueError where most of the squared distances (N,) from the sensor are too large to be square metres."""
    far = np.count_nonzero(squared_ranges > FURTHEST_MEDIAN_METRES**2)
    if far > len(squared_ranges) / 2:
        raise ValueError(
            f"{far} of {len(squared_ranges)} points lie more than {FURTHEST_MEDIAN_METRES:g} m from the sensor: "
            "is their unit the millimetre?"
        )
