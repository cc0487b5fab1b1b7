"""Messages of place recognition."""

from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.nodes.place_recognition import messages as outputs


def poses(count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.array([se3.from_planar(*random.normal(size=3)) for _ in range(count)]).reshape(-1, 4, 4)


def test_markers_of_a_long_map_are_bounded() -> None:
    markers = outputs.to_markers(poses(3 * outputs.KEYFRAMES_SHOWN), np.zeros((0, 2, 3)), "map", 0)
    assert len(markers.markers[0].points) == outputs.KEYFRAMES_SHOWN
    assert len(outputs.to_markers(poses(7), np.zeros((0, 2, 3)), "map", 0).markers[0].points) == 7
