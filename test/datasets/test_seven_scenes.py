from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.seven_scenes import PUBLISHED, PinholeCamera, open_seven_scenes
from isometry.geometry import se3

POSES = [se3.from_planar(0.1 * k, 0.0, 0.2 * k) for k in range(3)]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of two sequences with three frames, every third of a camera's."""
    for name in ("seq-02", "seq-01"):
        folder = tmp_path / "room" / name
        folder.mkdir(parents=True)
        for k, pose in enumerate(POSES):
            depth: Any = np.full((4, 6), 1000 + k, np.uint16)
            depth[0, :2] = 0, 65535
            open3d.io.write_image(folder / f"frame-{3 * k:06d}.depth.png", open3d.geometry.Image(depth))
            np.savetxt(folder / f"frame-{3 * k:06d}.pose.txt", pose)
    return tmp_path / "room"


def test_frames_come_with_depth_and_pose(scene: Path) -> None:
    first, second = open_seven_scenes(scene)
    assert (first.name, second.name) == ("seq-01", "seq-02")
    assert len(first) == 3
    np.testing.assert_array_equal(first.frames, [0, 3, 6])
    np.testing.assert_allclose(first.poses, POSES)
    assert first.depth(2).dtype == np.uint16
    np.testing.assert_array_equal(first.depth(2)[0], [0, 0, 1002, 1002, 1002, 1002])
    assert first.camera == PUBLISHED


def test_a_file_of_intrinsics_replaces_the_published_ones(scene: Path) -> None:
    (scene / "camera-intrinsics.txt").write_text(" 500 0 320.5\n 0 501 240.5\n 0 0 1\n")
    assert open_seven_scenes(scene)[0].camera == PinholeCamera(500.0, 501.0, 320.5, 240.5)


def test_what_is_wrong_is_named(scene: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"absent: no such directory"):
        open_seven_scenes(tmp_path / "absent")
    with pytest.raises(DatasetError, match=r": no seq-NN folder in it"):
        open_seven_scenes(tmp_path)
    (scene / "camera-intrinsics.txt").write_text("585 585 320 240\n")
    with pytest.raises(DatasetError, match=r"camera-intrinsics.txt: not the 3x3 matrix"):
        open_seven_scenes(scene)
    (scene / "camera-intrinsics.txt").unlink()
    (scene / "seq-01/frame-000003.depth.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"frame-000003.depth.png: not a depth image"):
        open_seven_scenes(scene)[0].depth(1)
    (scene / "seq-01/frame-000003.pose.txt").write_text("1 0 0\n")
    with pytest.raises(DatasetError, match=r"frame-000003.pose.txt: a pose is 4 lines"):
        open_seven_scenes(scene)
    np.savetxt(scene / "seq-01/frame-000003.pose.txt", 2.0 * np.eye(4))
    with pytest.raises(DatasetError, match=r"frame-000003.pose.txt: not a rotation"):
        open_seven_scenes(scene)
    (scene / "seq-01/frame-000003.pose.txt").unlink()
    with pytest.raises(DatasetError, match=r"frame-000003.pose.txt"):
        open_seven_scenes(scene)
    (scene / "seq-01/frame-last.depth.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"frame-last.depth.png: its name has no frame number"):
        open_seven_scenes(scene)
