"""Bags of recordings of a camera: what was recorded is in them, at the stamps and in the frames of its cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.datasets.rgbd.tum import open_tum
from isometry.datasets.rosbag.reader import open_bag, read_poses, topic_types
from isometry.datasets.rosbag.rgbd import write_camera_recording
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.datasets.rosbag.writer import START_NS
from isometry.geometry import se3
from isometry.sensing.cameras import camera_of
from isometry.sensing.images import decode_colour, decode_depth
from isometry.simulation.painted_room import CAMERA, write_walk

TENTH = 100_000_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> CameraRecording:
    """Four frames with stamps since 1970."""
    root = tmp_path_factory.mktemp("walks") / "walk"
    write_walk(root, 4)
    walk = open_tum(root)
    return replace(walk, stamps_s=walk.stamps_s + 1.3e9)


def messages(bag: Path, topic: str) -> list[Any]:
    with open_bag(bag) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        return [reader.deserialize(raw, connection.msgtype) for connection, _, raw in reader.messages(connections)]


def test_frames_come_with_their_camera_depth_and_pose(recording: CameraRecording, tmp_path: Path) -> None:
    bent = replace(CAMERA, model="plumb_bob", distortion=(0.2, -0.1, 0.001, 0.0, 0.02))
    done: list[tuple[int, int]] = []
    walk = replace(recording, camera=bent)
    write_camera_recording(tmp_path / "bag", walk, slice(1, 4), lambda *each: done.append(each))
    assert done == [(1, 3), (2, 3), (3, 3)]
    images, depths = (messages(tmp_path / "bag", topic) for topic in ("/image", "/depth"))
    for k, (image, depth) in enumerate(zip(images, depths, strict=True), 1):
        np.testing.assert_array_equal(decode_colour(image), recording.colour(k))
        expected = recording.depth(k)
        assert expected is not None
        np.testing.assert_allclose(decode_depth(depth), expected, atol=1e-6)
        assert (image.header.frame_id, depth.header.frame_id) == ("camera", "camera")
    for topic in ("/camera_info", "/depth_camera_info"):  # depth is registered: it has the camera of the colour
        assert all(camera_of(info).same_as(bent) for info in messages(tmp_path / "bag", topic))
    poses = read_poses(tmp_path / "bag", "/ground_truth/pose")
    assert poses.stamps_ns.tolist() == pytest.approx([START_NS + k * TENTH for k in range(3)], abs=1000)
    assert recording.T_world_colour is not None
    np.testing.assert_allclose(poses.poses, recording.T_world_colour[1:], atol=1e-9)


def test_a_depth_camera_of_its_own_is_on_tf_and_a_frame_without_a_pose_has_none(
    recording: CameraRecording, tmp_path: Path
) -> None:
    T_colour_depth = se3.from_planar(0.02, -0.01, 0.03)
    poses = np.array(recording.T_world_pose)
    poses[2] = np.nan
    own = replace(CAMERA, matrix=CAMERA.matrix * np.array([[1.1], [1.1], [1.0]]))
    walk = replace(recording, depth_camera=own, T_colour_depth=T_colour_depth, T_world_pose=poses)
    write_camera_recording(tmp_path / "bag", walk)
    stamps = np.zeros(1, np.int64)
    found = read_transforms(tmp_path / "bag").at("camera", "depth_camera", stamps)[0]
    np.testing.assert_allclose(found, T_colour_depth, atol=1e-9)
    assert {message.header.frame_id for message in messages(tmp_path / "bag", "/depth")} == {"depth_camera"}
    assert camera_of(messages(tmp_path / "bag", "/depth_camera_info")[0]).same_as(own)
    assert len(messages(tmp_path / "bag", "/ground_truth/pose")) == 3


def test_a_camera_alone_has_neither_depth_nor_transforms(recording: CameraRecording, tmp_path: Path) -> None:
    write_camera_recording(tmp_path / "bag", replace(recording, depth_paths=(), T_world_pose=None))
    assert set(topic_types(tmp_path / "bag")) == {"/image", "/camera_info"}


def test_frames_that_are_not_there_and_bags_that_are_leave_nothing_behind(
    recording: CameraRecording, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="walk has 4 frames, none of those asked for"):
        write_camera_recording(tmp_path / "bag", recording, slice(9, None))
    (tmp_path / "there").mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        write_camera_recording(tmp_path / "there", recording)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
