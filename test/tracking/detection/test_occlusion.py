"""What hides the ends of a cluster."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.tracking.canonical_frame import turned
from isometry.tracking.detection.occlusion import hidden_sides


def panel(x: float, right: float, left: float, low: float, high: float) -> np.ndarray:
    """Points (N,3) of an upright panel across the x axis, as a dense scan has them; the sensor is at the origin."""
    y, z = np.meshgrid(np.arange(right, left, 0.02), np.arange(low, high, 0.1))
    return np.column_stack([np.full(y.size, x), y.ravel(), z.ravel()])


BEHIND = panel(20.0, -1.0, 1.0, -1.5, 0.0)


@pytest.mark.parametrize(
    ("nearer", "hidden"),
    [
        (panel(10.0, -2.0, -0.51, -1.5, 0.0), (True, False)),
        (panel(10.0, 0.51, 2.0, -1.5, 0.0), (False, True)),
        (np.vstack([panel(10.0, -2.0, -0.51, -1.5, 0.0), panel(10.0, 0.51, 2.0, -1.5, 0.0)]), (True, True)),
        (panel(10.0, 2.0, 4.0, -1.5, 0.0), (False, False)),  # far beside
        (panel(30.0, 0.51, 2.0, -1.5, 0.0), (False, False)),  # further away
        (panel(10.0, 0.51, 2.0, -1.7, -1.2), (False, False)),  # low: the sensor looks over it
    ],
)
def test_what_is_nearer_and_as_high_hides_the_end_beside_it(nearer: np.ndarray, hidden: tuple[bool, bool]) -> None:
    points = np.vstack([nearer, BEHIND])
    chosen = np.arange(len(nearer), len(points))
    for turn in (0.0, 2.0, np.pi, -1.5):
        assert hidden_sides(turned(points, turn), chosen, np.zeros(1, np.intp)).tolist() == [list(hidden)]


def test_each_cluster_is_asked_about_itself() -> None:
    nearer = panel(10.0, 0.51, 2.0, -1.5, 0.0)
    points = np.vstack([nearer, BEHIND])
    found = hidden_sides(points, np.arange(len(points)), np.array([0, len(nearer)]))
    assert found.tolist() == [[False, False], [False, True]]
