"""The painted room: what it shows lies on its walls, and its recording is read back as it was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isometry.datasets.rgbd.tum import open_tum
from isometry.geometry import se3
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, PaintedRoom, walk_pose, write_walk


def test_all_that_is_seen_is_on_a_wall() -> None:
    colour, depth = PaintedRoom().view(CAMERA, walk_pose(3))
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width].reshape(2, -1)
    rays = np.column_stack([u, v, np.ones(len(u))]) @ np.linalg.inv(CAMERA.matrix).T
    points = se3.apply(walk_pose(3), rays * depth.reshape(-1, 1))
    np.testing.assert_allclose((np.abs(points) / HALF_SIZE_M).max(axis=1), 1.0, atol=1e-9)
    assert colour.shape == (CAMERA.height, CAMERA.width, 3)
    assert colour.std() > 30.0


def test_the_same_seed_gives_the_same_paint() -> None:
    first, again, other = (PaintedRoom(seed).view(CAMERA, np.eye(4))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_walk_is_a_recording(tmp_path: Path) -> None:
    write_walk(tmp_path / "walk", 3)
    recording = open_tum(tmp_path / "walk")
    assert len(recording) == 3
    assert recording.T_world_colour is not None
    for k in range(3):
        colour, depth = PaintedRoom().view(CAMERA, walk_pose(k))
        np.testing.assert_array_equal(recording.colour(k), colour)
        found = recording.depth(k)
        assert found is not None
        np.testing.assert_allclose(found, depth, atol=2e-4)
        np.testing.assert_allclose(recording.T_world_colour[k], walk_pose(k), atol=1e-6)
