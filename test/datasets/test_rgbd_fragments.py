from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd_fragments import Fragment, fragment_overlap, fragments_of, fused
from isometry.datasets.seven_scenes import PUBLISHED, DepthSequence
from isometry.geometry import se3
from isometry.simulation.sensors.depth_camera import looking
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.shapes import Mesh, box

ROOM = box((6.0, 4.0, 2.5), (0.0, 0.0, 0.0))


def depth_image(mesh: Mesh, T_world_camera: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Depth (480,640) in millimetres with 1 cm of noise."""
    camera = PUBLISHED
    u, v = np.meshgrid((np.arange(640) - camera.cx) / camera.fx, (np.arange(480) - camera.cy) / camera.fy)
    directions = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3)
    depth = RayCaster(mesh).cast(T_world_camera, directions)["t_hit"].reshape(480, 640)
    return np.asarray(np.round(1000.0 * (depth + random.normal(0.0, 0.01, depth.shape))), dtype=np.uint16)


def walk(frames: int) -> np.ndarray:
    places = np.linspace([-1.0, 0.0, 1.2], [-0.6, 0.3, 1.3], frames)
    return np.array([looking(place, np.array([3.0, 1.0, 1.0]), 0.1) for place in places])


def test_a_fused_surface_is_that_of_the_room_and_smoother_than_a_frame(random: np.random.Generator) -> None:
    poses = walk(5)
    points = fused([depth_image(ROOM, pose, random) for pose in poses], poses, PUBLISHED)
    assert points.dtype == np.float32
    assert len(points) > 20_000
    in_world = se3.apply(poses[0], points.astype(float))
    off = np.abs(np.abs(in_world - [0.0, 0.0, 1.25]) - [3.0, 2.0, 1.25]).min(axis=1)
    assert np.median(off) < 0.004
    assert np.quantile(off, 0.99) < 0.02
    assert np.abs(in_world[:, 2] - 1.2).max() < 1.35


def test_what_a_single_frame_saw_is_no_surface(random: np.random.Generator) -> None:
    pose = walk(1)
    depth = depth_image(ROOM, pose[0], random)
    assert len(fused([depth] * 2, np.tile(pose, (2, 1, 1)), PUBLISHED)) == 0
    assert len(fused([depth] * 4, np.tile(pose, (4, 1, 1)), PUBLISHED)) > 10_000
    assert len(fused([np.zeros_like(depth)] * 4, np.tile(pose, (4, 1, 1)), PUBLISHED)) == 0


def test_a_sequence_is_cut_into_runs(tmp_path: Path, random: np.random.Generator) -> None:
    poses = walk(9)
    for k, pose in enumerate(poses):
        depth: Any = depth_image(ROOM, pose, random)
        open3d.io.write_image(tmp_path / f"frame-{k:06d}.depth.png", open3d.geometry.Image(depth))
        np.savetxt(tmp_path / f"frame-{k:06d}.pose.txt", pose)
    sequence = DepthSequence(tmp_path, PUBLISHED)
    fragments = list(fragments_of(sequence, frames=4))
    assert [fragment.name.split("/")[1] for fragment in fragments] == ["000000-000003", "000004-000007"]
    np.testing.assert_allclose(fragments[1].T_world_fragment, poses[4])
    assert fragment_overlap(*fragments) > 0.8
    with pytest.raises(DatasetError, match="9 frames, and a fragment takes 10"):
        list(fragments_of(sequence, frames=10))


def test_overlap_is_counted_where_the_fragments_really_lie(random: np.random.Generator) -> None:
    wall = np.column_stack([random.uniform(0.0, 2.0, (60_000, 2)), np.zeros(60_000)]).astype(np.float32)
    here = Fragment(wall, np.eye(4), "here")
    beside = Fragment(wall, se3.from_planar(1.5, 0.0, 0.0), "beside")
    away = Fragment(wall, se3.from_planar(5.0, 0.0, 0.0), "away")
    assert fragment_overlap(here, beside) == pytest.approx(0.25, abs=0.03)
    assert fragment_overlap(here, away) == 0.0
