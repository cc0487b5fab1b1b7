"""What a bag gives to the object pose node: colour, depth, their cameras, and detections where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isometry.datasets.rosbag.message_types import DETECTIONS_2D
from isometry.evaluation.replay.images import BagImages
from isometry.evaluation.replay.topics import only_topic

UNHURRIED = {"time_limit": "600.0"}
"""Parameters where each image is waited for: how much is found in it must not depend on the machine."""


def choose_image_topics(
    bag: Path, types: Mapping[str, str], asked: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The bag's topics by the node's names, the image first, and the parameters that follow from them.

    `types` are those of the bag's topics; `asked` are topics that the user named, by the node's names; `given` are
    parameters. Images are told apart by their encoding. Raises DatasetError in one line when one is not there.
    """
    images = BagImages(bag, types, asked)
    topics = images.camera()
    topics |= images.depth(topics["image"], given.get("depth_registration") == "none")
    boxes = [topic for topic, kind in types.items() if kind == DETECTIONS_2D]
    read = given.get("input") or ("detections" if boxes and not asked["labels"] else "labels")
    if read == "labels":
        topics[read] = images.labels()
    elif read == "detections":
        topics[read] = only_topic(bag, types, DETECTIONS_2D, boxes, asked["detections"])
    return topics, {"input": read}
