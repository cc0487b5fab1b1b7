"""The motion that most objects share."""

from __future__ import annotations

import numpy as np

from isometry.geometry import planar
from isometry.tracking.tracks.common_motion import PRIOR_DEVIATIONS, common_motion, common_velocity
from isometry.tracking.tracks.motion_models import initial_motion


def test_motion_of_stationary_objects_is_found_among_moving_ones() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(-40.0, 40.0, (12, 2))
    pose = np.array([1.2, -0.3, 0.04])
    expected = places @ planar.rotations(pose[2]).T + pose[:2]
    expected[:3] += rng.uniform(5.0, 10.0, (3, 2))  # these drive
    found = common_motion(places, expected, np.full(12, 0.01), np.array([5.0, 5.0, 0.5]))
    assert (np.abs(found - pose) < [0.02, 0.02, 1e-3]).all()


def test_it_turns_with_the_scene() -> None:
    rng = np.random.default_rng(1)
    places, expected = rng.normal(scale=20.0, size=(2, 8, 2))
    R = planar.rotations(np.asarray(1.3))
    plain = common_motion(places, expected, np.ones(8), PRIOR_DEVIATIONS)
    turned = common_motion(places @ R.T, expected @ R.T, np.ones(8), PRIOR_DEVIATIONS)
    np.testing.assert_allclose(turned, [*(R @ plain[:2]), plain[2]], atol=1e-9)


def test_a_new_object_is_given_the_velocity_of_the_others_at_its_place() -> None:
    """As seen from a robot that drives at 8 m/s and turns at 0.2 rad/s, stationary objects move by both, inverted."""
    places = np.random.default_rng(2).uniform(-30.0, 30.0, (9, 2))
    flow = np.array([-8.0, 0.0]) - 0.2 * np.stack([-places[:, 1], places[:, 0]], axis=1)
    motion = initial_motion(places, np.full(9, 0.01), flow, np.repeat(0.01 * np.eye(2)[None], 9, axis=0), False)
    found = common_velocity(motion, np.array([[10.0, 20.0]]))
    assert found is not None
    np.testing.assert_allclose(found, [[-8.0 + 0.2 * 20.0, -0.2 * 10.0]], atol=0.3)


def test_two_objects_tell_nothing_in_common() -> None:
    motion = initial_motion(np.zeros((2, 2)), np.ones(2), np.ones((2, 2)), np.repeat(np.eye(2)[None], 2, axis=0), False)
    assert common_velocity(motion, np.ones((3, 2))) is None
