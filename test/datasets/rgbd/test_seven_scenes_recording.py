"""Walks in the layout of 7-Scenes: synthetic copies of it, and the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.seven_scenes import is_seven_scenes, open_seven_scenes
from isometry.geometry import se3

POSES = np.array([se3.from_planar(0.1 * k, 0.0, 0.2 * k) for k in range(3)])
SIZE = (4, 6)


def write_images(colour: Path, depth: Path, k: int) -> None:
    stored = np.full(SIZE, 1000 + k, np.uint16)
    stored[0, :2] = 0, 65535
    for path, pixels in ((colour, np.full((*SIZE, 3), 10 * k, np.uint8)), (depth, stored)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Two walks of three frames, of which every second one of the camera's is there."""
    for name in ("seq-02", "seq-01"):
        folder = tmp_path / "room" / name
        for k, pose in enumerate(POSES):
            stem = folder / f"frame-{2 * k:06d}"
            write_images(stem.with_name(f"{stem.name}.color.png"), stem.with_name(f"{stem.name}.depth.png"), k)
            np.savetxt(folder / f"frame-{2 * k:06d}.pose.txt", pose)
    return tmp_path / "room"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """One walk in the layout with a single file of poses."""
    folder = tmp_path / "flat"
    for k in range(3):
        write_images(folder / f"color/{3 * k:06d}.jpg", folder / f"depth/{3 * k:06d}.png", k)
    rows = [f"{3 * k:06d} " + " ".join(map(str, pose.ravel())) for k, pose in enumerate(POSES)]
    (folder / "poses.txt").write_text("\n".join(["# frame and 16 numbers", *rows]))
    (folder / "K.txt").write_text("580 0 320\n0 581 240\n0 0 1\n")
    return folder


def test_each_walk_has_stamps_images_and_poses(scene: Path) -> None:
    first, second = open_seven_scenes(scene)
    assert (first.name, second.name) == ("room/seq-01", "room/seq-02")
    np.testing.assert_allclose(first.stamps_s, [0.0, 2 / 30, 4 / 30])
    assert (first.colour(1) == 10).all()
    depth = first.depth(2)
    assert depth is not None
    np.testing.assert_allclose(depth[0], [0.0, 0.0, 1.002, 1.002, 1.002, 1.002])
    assert first.T_world_pose is not None
    np.testing.assert_allclose(first.T_world_pose, POSES)


def test_the_published_kinect_has_two_cameras_and_poses_of_the_one_of_the_depth(scene: Path) -> None:
    (walk, _) = open_seven_scenes(scene)
    assert walk.depth_camera is not None
    assert (walk.camera.matrix[0, 0], walk.depth_camera.matrix[0, 0]) == (525.0, 585.0)
    np.testing.assert_allclose(walk.T_pose_colour @ walk.T_colour_depth, np.eye(4), atol=1e-12)
    assert walk.T_world_colour is not None
    np.testing.assert_allclose(walk.T_world_colour @ walk.T_colour_depth, POSES, atol=1e-12)


def test_own_intrinsics_are_those_of_colour_and_registered_depth(scene: Path) -> None:
    (scene / "camera-intrinsics.txt").write_text("500 0 3\n0 501 2\n0 0 1\n")
    walk = open_seven_scenes(scene)[0]
    assert walk.depth_camera is None
    np.testing.assert_array_equal(walk.camera.matrix, [[500.0, 0.0, 3.0], [0.0, 501.0, 2.0], [0.0, 0.0, 1.0]])
    assert walk.T_world_colour is not None
    np.testing.assert_allclose(walk.T_world_colour, POSES)


def test_a_scene_may_have_no_poses_but_not_a_few(scene: Path) -> None:
    (scene / "seq-01/frame-000002.pose.txt").unlink()
    with pytest.raises(DatasetError, match=r"frame-000002.pose.txt"):
        open_seven_scenes(scene)
    for path in scene.rglob("*.pose.txt"):
        path.unlink()
    walk = open_seven_scenes(scene)[0]
    assert walk.T_world_colour is None
    assert not walk.has_truth.any()


def test_a_frame_that_is_not_there_is_a_gap(scene: Path) -> None:
    for path in (scene / "seq-01").glob("frame-000002.*"):
        path.unlink()
    np.testing.assert_allclose(open_seven_scenes(scene)[0].stamps_s, [0.0, 4 / 30])


def test_the_flat_layout_is_the_same_scene(flat: Path) -> None:
    (walk,) = open_seven_scenes(flat)
    assert is_seven_scenes(flat)
    np.testing.assert_allclose(walk.stamps_s, [0.0, 0.1, 0.2])
    assert walk.T_world_pose is not None
    np.testing.assert_allclose(walk.T_world_pose, POSES)
    assert walk.depth_camera is not None
    assert walk.depth_camera.matrix[1, 1] == 581.0
    (flat / "poses.txt").write_text("000000 " + " ".join(["1"] * 16))
    with pytest.raises(DatasetError, match=r"poses.txt: frame 0: not a rotation"):
        open_seven_scenes(flat)


def test_what_is_wrong_is_named(scene: Path, tmp_path: Path) -> None:
    for folder, message in ((tmp_path / "absent", "no such directory"), (tmp_path, "no seq-NN folder in it")):
        with pytest.raises(DatasetError, match=message):
            open_seven_scenes(folder)
    walk = open_seven_scenes(scene)[0]
    colour = scene / "seq-01/frame-000002.color.png"
    colour.write_bytes(colour.read_bytes()[:40])
    with pytest.raises(DatasetError, match=r"frame-000002.color.png: not an image"):
        walk.colour(1)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(colour)
    with pytest.raises(DatasetError, match=r"frame-000002.color.png: 3x2 pixels, and the first image 6x4"):
        walk.colour(1)
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(scene / "seq-01/frame-000002.depth.png")
    with pytest.raises(DatasetError, match=r"frame-000002.depth.png: not a depth image of 16 bits"):
        walk.depth(1)
    (scene / "seq-01/frame-000002.depth.png").unlink()
    with pytest.raises(DatasetError, match=r"frame-000002.depth.png: no such file"):
        walk.depth(1)
    pose = scene / "seq-01/frame-000002.pose.txt"
    np.savetxt(pose, np.diag([2.0, 1.0, 1.0, 1.0]))
    with pytest.raises(DatasetError, match=r"frame-000002.pose.txt: not a rotation"):
        open_seven_scenes(scene)
    np.savetxt(pose, np.full((4, 4), np.nan))
    with pytest.raises(DatasetError, match=r"frame-000002.pose.txt: line 1 has a value that is not a finite number"):
        open_seven_scenes(scene)
    (scene / "seq-03").mkdir()
    pose.unlink()
    np.savetxt(pose, np.eye(4))
    with pytest.raises(DatasetError, match=r"seq-03: no frame-XXXXXX.color"):
        open_seven_scenes(scene)


def test_the_real_kitchen(shared_data: Path) -> None:
    (walk,) = open_seven_scenes(shared_data / "rgbd/redkitchen_7scenes")
    assert len(walk) == walk.has_truth.sum() == 334
    depth = walk.depth(0)
    assert depth is not None
    assert 1.0 < np.median(depth[depth > 0.0]) < 3.0


def test_the_real_rooms_without_poses(shared_data: Path) -> None:
    for name, count in (("cafe", 40), ("corridor", 37)):
        (walk,) = open_seven_scenes(shared_data / "rgbd/7scenes" / name)
        assert len(walk) == count
        assert walk.T_world_colour is None
        assert walk.depth_camera is None
