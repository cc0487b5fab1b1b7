"""Cameras of ROS, the distortion of their lenses, and depth brought from one camera to another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.sensing.cameras import Camera, camera_of
from isometry.sensing.depth_registration import registered

MATRIX = np.array([[300.0, 0.0, 160.0], [0.0, 310.0, 120.0], [0.0, 0.0, 1.0]])
LENSES = {
    "plumb_bob": (-0.3, 0.1, 0.002, -0.001, 0.02),
    "rational_polynomial": (0.4, -0.2, 0.001, 0.0005, 0.03, 0.7, -0.1, 0.02),
    "equidistant": (0.05, -0.01, 0.003, 0.0),
}


def region(x_offset: int = 0, y_offset: int = 0, width: int = 0, height: int = 0) -> SimpleNamespace:
    return SimpleNamespace(x_offset=x_offset, y_offset=y_offset, width=width, height=height)


@dataclass
class Info:
    d: tuple[float, ...] = ()
    distortion_model: str = "plumb_bob"
    k: Any = field(default_factory=MATRIX.ravel)
    p: Any = field(
        default_factory=lambda: np.hstack([2.0 * MATRIX, np.zeros((3, 1))]).ravel() / ([2.0] * 8 + [2.0] * 4)
    )
    width: int = 320
    height: int = 240
    binning_x: int = 0
    binning_y: int = 0
    roi: Any = field(default_factory=region)


@pytest.mark.parametrize("model", sorted(LENSES))
def test_the_lens_is_that_of_opencv(model: str) -> None:
    cv2 = pytest.importorskip("cv2", reason="the oracle is OpenCV")
    camera = camera_of(Info(LENSES[model], model))
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 7), np.linspace(-0.4, 0.4, 5))
    points = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 1, 3)
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    expected = project(points, np.zeros(3), np.zeros(3), MATRIX, np.array(LENSES[model]))[0].reshape(-1, 2)
    seen = np.stack(camera.distorted(x, y), axis=-1).reshape(-1, 2) * MATRIX[[0, 1], [0, 1]] + MATRIX[:2, 2]
    np.testing.assert_allclose(seen, expected, atol=1e-6)


@pytest.mark.parametrize("model", sorted(LENSES))
def test_what_a_lens_has_bent_is_straight_again(model: str) -> None:
    camera = camera_of(Info(LENSES[model], model))
    # an ideal image of stripes, bent by the lens: each pixel of the real image shows where it came from
    u, v = np.meshgrid(np.arange(320.0), np.arange(240.0))
    x, y = (u - 160.0) / 300.0, (v - 120.0) / 310.0
    ideal_x, ideal_y = x.copy(), y.copy()
    for _ in range(50):  # the inverse of the lens by fixed points
        bent_x, bent_y = camera.distorted(ideal_x, ideal_y)
        ideal_x, ideal_y = ideal_x + x - bent_x, ideal_y + y - bent_y
    real = 300.0 * ideal_x + 160.0
    straight = camera.without_distortion(real)
    known = straight != 0.0
    assert known.mean() > 0.7
    assert np.abs(straight - u)[known].max() < 1.5  # half a pixel of the real image


def test_a_lens_without_distortion_changes_nothing(random: np.random.Generator) -> None:
    image = random.random((240, 320))
    assert camera_of(Info()).without_distortion(image) is image
    assert camera_of(Info((0.0,) * 5)).distortion == ()
    assert camera_of(Info(LENSES["plumb_bob"]), rectified=True).distortion == ()
    assert camera_of(Info()).same_as(camera_of(Info()))
    assert not camera_of(Info()).same_as(camera_of(Info(LENSES["plumb_bob"])))


def test_a_part_of_the_sensor_and_binned_pixels() -> None:
    camera = camera_of(Info(roi=region(20, 10, 200, 100), binning_x=2, binning_y=2))
    assert (camera.width, camera.height) == (100, 50)
    np.testing.assert_allclose(camera.matrix, [[150.0, 0.0, 70.0], [0.0, 155.0, 55.0], [0.0, 0.0, 1.0]])


def test_what_is_not_calibrated_or_not_known_is_named() -> None:
    with pytest.raises(ValueError, match="no focal length in k: calibrate the camera"):
        camera_of(Info(k=np.zeros(9)))
    with pytest.raises(ValueError, match="distortion_model 'double_sphere'"):
        camera_of(Info((0.1,), "double_sphere"))
    with pytest.raises(ValueError, match="6 coefficients d"):
        camera_of(Info((0.1,) * 6))


def plane_depth(camera: Camera, T_camera_plane: np.ndarray) -> np.ndarray:
    """Depth (H,W) that a camera measures of the plane z = 0 of a frame."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.matrix).T
    normal, origin = T_camera_plane[:3, 2], T_camera_plane[:3, 3]
    depth: np.ndarray = (normal @ origin) / (rays @ normal)
    return depth


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.8])
def test_depth_is_seen_from_the_colour_camera(scale: float) -> None:
    depth_camera = Camera(MATRIX, 320, 240)
    colour_camera = Camera(np.diag([scale, scale, 1.0]) @ MATRIX, int(320 * scale), int(240 * scale))
    rotation = Rotation.from_euler("xyz", [1.0, -2.0, 3.0], degrees=True).as_matrix()
    T_colour_depth = se3.from_rotation_translation(rotation, np.array([0.05, -0.01, 0.02]))
    tilted = Rotation.from_euler("x", 25.0, degrees=True).as_matrix()
    T_depth_plane = se3.from_rotation_translation(tilted, np.array([0.0, 0.0, 1.0]))
    measured = plane_depth(depth_camera, T_depth_plane)
    shape = (colour_camera.height, colour_camera.width)
    seen = registered(measured, MATRIX, T_colour_depth, colour_camera.matrix, shape)
    expected = plane_depth(colour_camera, T_colour_depth @ T_depth_plane)
    there = seen > 0.0
    assert there.mean() > 0.75
    assert np.abs(seen - expected)[there].max() < 0.01
    inner = there[shape[0] // 4 : -shape[0] // 4, shape[1] // 4 : -shape[1] // 4]
    assert inner.mean() > 0.97


def test_of_two_readings_in_a_pixel_the_nearer_counts() -> None:
    camera = replace(Camera(MATRIX, 320, 240))
    depth = np.full((240, 320), 2.0)
    depth[:, :160] = 0.5
    T_colour_depth = np.eye(4)
    T_colour_depth[0, 3] = 0.1
    seen = registered(depth, MATRIX, T_colour_depth, camera.matrix, (240, 320))
    assert np.all(seen[:, 61:218] == 0.5)  # the near half has moved by 60 pixels, over the far one by 15
    assert np.all(seen[:, 221:] == 2.0)
