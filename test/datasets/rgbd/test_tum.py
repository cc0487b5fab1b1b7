"""Recordings in the layout of TUM: a synthetic copy of it, and a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.tum import associated, is_tum, open_tum

STAMPS = (10.0, 10.1, 10.2, 11.0)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four colour images, of which the third has no depth; poses of a camera that goes along x and turns about z."""
    (tmp_path / "rgb").mkdir()
    (tmp_path / "depth").mkdir()
    for stamp in STAMPS:
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / f"rgb/{stamp}.png")
        Image.fromarray(np.full((4, 6), 10_000, np.uint16)).save(tmp_path / f"depth/{stamp}.png")
    lines = [f"{stamp} rgb/{stamp}.png" for stamp in STAMPS]
    (tmp_path / "rgb.txt").write_text("\n".join(["# color images", *lines]))
    lines = [f"{stamp + delay} depth/{stamp}.png" for stamp, delay in zip(STAMPS, (0.01, -0.019, 0.03, 0), strict=True)]
    (tmp_path / "depth.txt").write_text("\n".join(lines))
    rows = []
    for time in (9.95, 10.05, 10.15, 10.25):
        quaternion = Rotation.from_rotvec([0.0, 0.0, time - 10.0]).as_quat()
        rows.append(" ".join(map(str, (time, time - 10.0, 0.0, 0.0, *quaternion))))
    (tmp_path / "groundtruth.txt").write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(rows))
    return tmp_path


def test_frames_are_pairs_and_poses_are_interpolated(recording: Path) -> None:
    opened = open_tum(recording)
    assert is_tum(recording)
    np.testing.assert_allclose(opened.stamps_s, [10.0, 10.1, 11.0])
    depth = opened.depth(0)
    assert depth is not None
    np.testing.assert_allclose(depth, 2.0)
    assert opened.depth_delays_s is not None
    np.testing.assert_allclose(opened.depth_delays_s, [0.01, -0.019, 0.0], atol=1e-9)
    np.testing.assert_array_equal(opened.has_truth, [True, True, False])
    poses = opened.T_world_colour
    assert poses is not None
    np.testing.assert_allclose(poses[:2, :3, 3], [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(Rotation.from_matrix(poses[1, :3, :3]).as_rotvec(), [0.0, 0.0, 0.1], atol=1e-9)


def test_a_pose_beside_a_wide_gap_is_the_nearest_one_or_none(recording: Path) -> None:
    rows = [f"{time} {time} 0 0 0 0 0 1" for time in (10.01, 10.9)]
    (recording / "groundtruth.txt").write_text("\n".join(rows))
    opened = open_tum(recording)
    np.testing.assert_array_equal(opened.has_truth, [True, False, False])
    assert opened.T_world_pose is not None
    assert opened.T_world_pose[0, 0, 3] == pytest.approx(10.01)


def test_the_camera_is_the_recordings_own_where_it_says(recording: Path) -> None:
    assert open_tum(recording).camera.matrix[0, 2] == 319.5
    (recording / "camera-intrinsics.txt").write_text("500 0 3\n0 501 2\n0 0 1\n")
    (recording / "camera-distortion.txt").write_text("# k1 k2 p1 p2 k3\n0.2 -0.9 0 0 1.1\n")
    (recording / "depth-factor.txt").write_text("1000\n")
    opened = open_tum(recording)
    assert opened.camera.matrix[1, 1] == 501.0
    assert (opened.camera.model, opened.camera.distortion) == ("plumb_bob", (0.2, -0.9, 0.0, 0.0, 1.1))
    assert opened.camera.shape == (4, 6)
    depth = opened.depth(0)
    assert depth is not None
    np.testing.assert_allclose(depth, 10.0)


def test_each_image_has_one_partner_the_nearest_first() -> None:
    first, second = associated(np.array([0.0, 0.015, 1.0]), np.array([0.012, 0.03, 2.0]))
    np.testing.assert_array_equal(first, [1])
    np.testing.assert_array_equal(second, [0])


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("rgb.txt", "10.0\n", r"rgb.txt: line 1 has 1 words"),
        ("rgb.txt", "# nothing\n", r"rgb.txt: empty"),
        ("rgb.txt", "ten rgb/10.0.png\n", r"rgb.txt: 'ten' are not finite numbers"),
        ("rgb.txt", "10.1 rgb/10.1.png\n10.0 rgb/10.0.png\n", r"rgb.txt: time does not increase at 10.000000"),
        ("rgb.txt", "50.0 rgb/10.0.png\n", r"no image of rgb.txt is within 0.02 s"),
        ("groundtruth.txt", "10 0 0 0 0 0 0 1\n", r"groundtruth.txt: a single pose"),
        ("groundtruth.txt", "10 0 0 0 0 0 0 1\n11 0 0 0 0 0 0 2\n", r"the quaternion at 11.0 has not length 1"),
        ("groundtruth.txt", "10 0 0 0 0 0 0 nan\n", r"groundtruth.txt: .* are not finite numbers"),
        ("camera-intrinsics.txt", "500 500 3 2\n", r"camera-intrinsics.txt: not the 3x3 matrix"),
        ("camera-distortion.txt", "0.1 0.2\n", r"camera-distortion.txt: line 1 has 2 words, and 5 are expected"),
        ("depth-factor.txt", "0\n", r"depth-factor.txt: 0 is no number of steps"),
    ],
)
def test_what_is_wrong_is_named(recording: Path, file: str, content: str, message: str) -> None:
    (recording / file).write_text(content)
    with pytest.raises(DatasetError, match=message):
        open_tum(recording)


def test_the_real_desk(shared_data: Path) -> None:
    opened = open_tum(shared_data / "rgbd/tum/freiburg1_xyz")
    assert len(opened) == opened.has_truth.sum() == 131
    assert opened.camera.distortion[0] == pytest.approx(0.2624)
    depth = opened.depth(0)
    assert depth is not None
    assert 0.5 < np.median(depth[depth > 0.0]) < 2.0
