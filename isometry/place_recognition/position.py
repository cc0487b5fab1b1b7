"""The query's position from descriptors alone: the distance of two descriptors predicts the distance of two places.

Source: BEVPlace (Luo et al., 2023), section 3.4, with a prediction that was measured on the training drive and
is stored in the model.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from isometry.arrays import Array

NEIGHBOURHOOD = 25.0  # metres around the best candidate; descriptors do not predict larger distances


def position_from_distances(positions: Array, metres: Array) -> Array:
    """The point (2,) whose distances to `positions` (K,2), best first, come closest to `metres` (K,).

    Only candidates near the first are used; small distances have more weight than large ones.
    """
    near = np.linalg.norm(positions - positions[0], axis=1) < NEIGHBOURHOOD
    positions, metres = positions[near], metres[near]
    weight = 1.0 / (metres + 1.0)
    start = (weight[:, None] ** 2 * positions).sum(axis=0) / (weight**2).sum()

    def residuals(point: Array) -> Array:
        return np.asarray(weight * (np.hypot(*(positions - point).T) - metres))

    def slopes(point: Array) -> Array:
        apart = point - positions
        return np.asarray(weight[:, None] * apart / np.maximum(np.hypot(*apart.T), 1e-6)[:, None])

    # from a start on a straight drive, the solution stays on it unless the distances contradict that
    found: Array = least_squares(residuals, start, slopes, loss="soft_l1", max_nfev=20).x
    return found
