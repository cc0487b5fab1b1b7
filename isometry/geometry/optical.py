"""The axes of cameras: optical frames look along z, with x to the right and y down (REP 103)."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array


def looking_along_x() -> Array:
    """T_body_optical (4,4) of a camera at a body's origin that looks along its x axis, upright."""
    return np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
