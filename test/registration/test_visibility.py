"""What a sensor saw through, with a wall whose distance is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.registration.visibility import VisibleRange

ORIGIN = np.zeros(3)


def wall(distance: float) -> np.ndarray:
    across, up = np.meshgrid(np.arange(-10.0, 10.0, 0.1), np.arange(-10.0, 10.0, 0.1))
    return np.column_stack([np.full(across.size, distance), across.ravel(), up.ravel()])


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_point_before_the_wall_was_seen_through_one_on_or_behind_it_was_not(seed: int | None) -> None:
    turn = np.eye(3) if seed is None else Rotation.random(random_state=seed).as_matrix()
    visible = VisibleRange(wall(10.0) @ turn.T, ORIGIN)
    points = np.array([[5.0, 0.0, 0.0], [10.0, 1.0, 1.0], [15.0, 0.0, 0.0], [9.5, 0.0, 0.0]]) @ turn.T
    through, known = visible.seen_through(points, 0.5)
    assert through.tolist() == [True, False, False, False]
    assert known.all()


def test_nothing_is_known_where_nothing_was_measured() -> None:
    through, known = VisibleRange(wall(10.0), ORIGIN).seen_through(np.array([[-5.0, 0.0, 0.0]]), 0.5)
    assert not through[0]
    assert not known[0]


def test_the_sensor_may_stand_anywhere() -> None:
    where = np.array([3.0, -2.0, 1.0])
    through, _ = VisibleRange(wall(10.0) + where, where).seen_through(np.array([[8.0, -2.0, 1.0]]), 0.5)
    assert through[0]
