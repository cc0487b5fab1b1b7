"""The plane that most readings lie on."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.object_pose.planes import plane_of


def test_a_plane_is_found_among_other_readings_with_its_normal_towards_the_camera() -> None:
    random = np.random.default_rng(0)
    normal = np.array([0.2, -0.5, -0.8]) / np.linalg.norm([0.2, -0.5, -0.8])
    ahead = np.array([0.0, 0.0, 1.5])
    on = random.uniform(-0.5, 0.5, (300, 3))
    on -= (on @ normal)[:, None] * normal
    readings = np.concatenate([on, random.uniform(-0.5, 0.5, (150, 3))]) + ahead
    plane = plane_of(readings, np.full(len(readings), 0.005), 100)
    assert plane is not None
    np.testing.assert_allclose(plane.normal, normal, atol=0.01)
    assert plane.held[:300].all()
    assert plane.held[300:].mean() < 0.1
    assert plane.off(np.zeros(3)) == pytest.approx(-ahead @ normal, abs=0.01)
    away = plane_of(readings, np.full(len(readings), 0.005), 100, np.tile([1.0, 0.0, 0.0], (450, 1)), 0.9)
    assert away is None or abs(away.normal[0]) > 0.9


@pytest.mark.parametrize("readings", [np.zeros((0, 3)), np.ones((2, 3)), np.linspace([0, 0, 1], [1, 1, 2], 50)])
def test_no_plane_is_held_by_readings_in_a_line(readings: np.ndarray) -> None:
    assert plane_of(readings, np.full(len(readings), 0.01), 50) is None
