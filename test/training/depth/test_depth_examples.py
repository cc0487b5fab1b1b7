"""Training data of the depth network: closed forms of planes, whose depth is known from everywhere."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

pytest.importorskip("torch", reason="torch is in the extra `train`")

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.models.depth_network import FOCAL
from isometry.training.depth.augmentation import FORMAT, MEAN_COLOUR, SHAPE, draw, mirrored, turned
from isometry.training.depth.drives import consistent_flow
from isometry.training.depth.recipe import DepthTrainingParameters
from isometry.training.depth.rooms import Room, load_rooms, reduced, save_rooms, scaled
from isometry.training.depth.views import fused, rendered

MATRIX = np.array([[262.5, 0.0, 159.5], [0.0, 262.5, 119.5], [0.0, 0.0, 1.0]])
NORMAL, DISTANCE_M = np.array([0.1, -0.6, -0.79]), 2.0  # of a plane NORMAL @ x = -DISTANCE_M, in the world


def plane_depth(T_world_camera: Array, matrix: Array, shape: tuple[int, int]) -> Array:
    """Depth (H,W) of the plane along the axis of a camera."""
    v, u = np.indices(shape)
    rays = np.stack([u, v, np.ones(shape)], axis=2) @ np.linalg.inv(matrix).T
    closing = rays @ T_world_camera[:3, :3].T @ NORMAL
    return np.asarray(-(DISTANCE_M + NORMAL @ T_world_camera[:3, 3]) / closing)


def texture(shape: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 255, (shape[0] // 8, shape[1] // 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def room() -> Room:
    poses = np.array([se3.from_rotation_translation(np.eye(3), np.array([0.1 * k, 0.0, 0.0])) for k in range(4)])
    depth = np.stack([plane_depth(pose, MATRIX, (240, 320)) for pose in poses]).astype(np.float32)
    return Room("plane", np.stack([texture()] * 4), depth, MATRIX, poses)


def target_matrix(zoom: float) -> Array:
    """The camera of an example: the image, at three quarters of its size, in the middle of the input."""
    focal = 0.75 * zoom * 262.5
    return np.array([[focal, 0.0, (SHAPE[1] - 1) / 2], [0.0, focal, (SHAPE[0] - 1) / 2], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("zoom", [1.0, 1.3])
def test_depth_of_a_turned_camera_is_that_of_the_plane_it_sees(zoom: float) -> None:
    turn = Rotation.from_rotvec([0.1, -0.05, 0.5]).as_matrix()
    example = turned(texture(), room().depth[0], MATRIX, turn, zoom)
    expected = plane_depth(se3.from_rotation_translation(turn, np.zeros(3)), target_matrix(zoom), SHAPE)
    expected *= FOCAL / target_matrix(zoom)[0, 0]
    known = example.depth > 0.0
    assert known.mean() > 0.5
    np.testing.assert_allclose(example.depth[known], expected[known], rtol=0.01)  # of the nearest pixel
    facing = example.normals.transpose(1, 2, 0)[np.abs(example.normals).sum(axis=0) > 0.0]
    unit = turn.T @ NORMAL / np.linalg.norm(NORMAL)
    assert np.degrees(np.arccos(np.clip(facing @ unit, -1.0, 1.0))).mean() < 1.5


def test_an_image_that_is_not_turned_lies_as_it_does_in_use() -> None:
    example = turned(texture(), room().depth[0], MATRIX, np.eye(3), 1.0)
    small = reduced(texture(), 0.75).astype(np.float32) / 255.0
    shown = example.image.transpose(1, 2, 0)[6:186, 8:248] * FORMAT.deviation + FORMAT.mean
    assert np.abs(shown - small).mean() < 0.02
    assert np.abs(example.image[:, :5]).max() < 0.02  # around it the mean colour


def test_a_mirrored_camera_sees_the_mirrored_plane() -> None:
    _, depth, matrix = mirrored(texture(), room().depth[0], np.array([[262.5, 0, 140.0], [0, 262.5, 119.5], [0, 0, 1]]))
    assert matrix[0, 2] == 319.0 - 140.0
    np.testing.assert_array_equal(depth, room().depth[0][:, ::-1])


def test_examples_are_the_same_for_the_same_seed() -> None:
    first, second, other = (
        draw(room(), 0, DepthTrainingParameters(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.image, second.image)
    assert np.abs(first.image - other.image).max() > 0.1


def test_new_views_have_the_depth_of_the_surface_and_the_sharp_colours_of_the_images() -> None:
    views = rendered(fused(room()), room(), 5, seed=0)
    assert len(views) == 5
    for k in range(5):
        known = views.depth[k] > 0.0
        error = np.abs(views.depth[k] - plane_depth(views.poses[k], MATRIX, (240, 320)))[known]
        assert np.quantile(error, 0.9) < 0.02
        assert (views.images[k][~known] == MEAN_COLOUR).all()
    again = rendered(fused(room()), room(), 5, seed=0)
    np.testing.assert_array_equal(views.poses, again.poses)


def test_a_room_without_poses_has_no_new_views() -> None:
    without = Room("plane", room().images, room().depth, MATRIX, np.full((4, 4, 4), np.nan))
    with pytest.raises(ValueError, match="plane: no poses"):
        fused(without)


def test_rooms_are_kept_in_a_file(tmp_path: Path) -> None:
    save_rooms([room()], "a plane", tmp_path / "rooms.npz")
    (found,) = load_rooms(tmp_path / "rooms.npz", "a plane")
    assert found.name == "plane"
    np.testing.assert_array_equal(found.depth, room().depth)
    (tmp_path / "bad.npz").write_text("no")
    with pytest.raises(ValueError, match=r"bad\.npz: not prepared rooms"):
        load_rooms(tmp_path / "bad.npz", "a plane")
    with pytest.raises(ValueError, match=r"rooms\.npz: its rooms were made of a plane, and not of two"):
        load_rooms(tmp_path / "rooms.npz", "two")


def test_a_reduced_camera_sees_the_same_ray_at_the_same_place() -> None:
    """The middle of the first two pixels of a row is the middle of the first pixel at half the size."""
    half = scaled(MATRIX, 0.5)
    before = np.linalg.inv(MATRIX) @ np.array([0.5, 0.5, 1.0])
    np.testing.assert_allclose(np.linalg.inv(half) @ np.array([0.0, 0.0, 1.0]), before)


def test_flow_is_kept_where_the_way_back_is_the_same() -> None:
    image = texture((120, 160))
    flow = consistent_flow(image, np.roll(image, 3, axis=1))
    inside = flow[20:-20, 20:-20]
    known = np.isfinite(inside).all(axis=2)
    assert known.mean() > 0.8
    assert np.abs(np.median(inside[known], axis=0) - (3.0, 0.0)).max() < 0.1
