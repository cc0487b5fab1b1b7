from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.simulation.sensors.depth_camera import DepthCamera, DepthSimulator, looking
from isometry.simulation.worlds.shapes import box


def test_depth_noise_grows_with_depth_and_reach_ends(random: np.random.Generator) -> None:
    camera = DepthCamera(warp=0.0, noise=1.0)
    deviations = []
    for depth in (1.0, 4.0):
        before = DepthSimulator(box((0.1, 20.0, 20.0), (depth + 0.05, 0.0, -10.0)), camera, random)
        T_world_camera = looking(np.zeros(3), np.array([1.0, 0.0, 0.0]), 0.0)
        z = before.frame(T_world_camera, random)[:, 2]
        assert len(z) == camera.width * camera.height
        assert np.mean(z) == pytest.approx(depth, abs=0.005)
        deviations.append(np.std(z))
    assert deviations[0] == pytest.approx(0.0012 + 0.0019 * 0.36, rel=0.2)
    assert deviations[1] > 5.0 * deviations[0]
    far = DepthSimulator(box((0.1, 20.0, 20.0), (5.0, 0.0, -10.0)), camera, random)
    assert len(far.frame(T_world_camera, random)) == 0


def test_a_camera_looks_at_its_target_with_its_y_axis_downwards() -> None:
    T_world_camera = looking(np.array([1.0, 2.0, 1.5]), np.array([4.0, 2.0, 1.5]), 0.0)
    np.testing.assert_allclose(se3.apply(T_world_camera, np.array([[0.0, 0.0, 2.0]])), [[3.0, 2.0, 1.5]], atol=1e-12)
    np.testing.assert_allclose(se3.apply(T_world_camera, np.array([[0.0, 1.0, 0.0]])), [[1.0, 2.0, 0.5]], atol=1e-12)
    assert np.linalg.det(T_world_camera[:3, :3]) == pytest.approx(1.0)
