"""What a bag gives to the depth and ego-motion node: images, depth where there is any, and the place of the camera."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isometry.datasets.rosbag.reader import frame_of
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.replay.images import BagImages


def choose_camera_topics(
    bag: Path, types: Mapping[str, str], asked: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The bag's topics by the node's names, the image first, and the parameters that follow from them.

    `types` are those of the bag's topics; `asked` are topics that the user named, by the node's names; `given` are
    parameters. The base is followed where transforms say where the camera is on it, else the camera itself. Raises
    DatasetError in one line when a topic is not there.
    """
    images = BagImages(bag, types, asked)
    topics = images.camera()
    mode = given.get("mode") or ("rgbd" if images.has_depth() else "mono")
    if mode == "rgbd":
        topics |= images.depth(topics["image"], given.get("depth_registration") == "none")
    base = given.get("base_frame", "base_link")
    known = read_transforms(bag).joined(base, frame_of(bag, topics["image"])) or given.get("sensor_pose") == "identity"
    # what the node would send on /tf is recorded from its topics; the bag may have its own
    return topics, {"mode": mode, "base_frame": base if known else "", "publish_tf": "false", "publish_map": "false"}
