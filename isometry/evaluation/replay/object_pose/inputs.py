"""What a bag gives to the object pose node: colour, depth, their cameras, and detections where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import CAMERA_INFO, DETECTIONS_2D, IMAGE
from isometry.datasets.rosbag.reader import open_bag
from isometry.evaluation.replay.topics import only_topic
from isometry.sensing.images import COLOURS, DEPTHS

LABELS = "label"
"""In the name of a topic of label images, by which they are told from depth."""
UNHURRIED = {"time_limit": "600.0"}
"""Parameters where each image is waited for: how much is found in it must not depend on the machine."""


def choose_image_topics(
    bag: Path, types: Mapping[str, str], asked: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The bag's topics by the node's names, the image first, and the parameters that follow from them.

    `types` are those of the bag's topics; `asked` are topics that the user named, by the node's names; `given` are
    parameters. Images are told apart by their encoding. Raises DatasetError in one line when one is not there.
    """
    encodings = {topic: _encoding(bag, topic) for topic, kind in types.items() if kind == IMAGE}
    labelled = [topic for topic in encodings if LABELS in topic.lower()]
    others = [topic for topic in encodings if topic not in labelled]
    boxes = [topic for topic, kind in types.items() if kind == DETECTIONS_2D]
    image = only_topic(bag, types, "colour images", [t for t in others if encodings[t] in COLOURS], asked["image"])
    depths = [topic for topic in others if encodings[topic] in DEPTHS and topic != image]
    depth = only_topic(bag, types, "depth images", depths, asked["depth"])
    read = given.get("input") or ("detections" if boxes and not asked["labels"] else "labels")
    topics = {"image": image, "depth": depth}
    if read == "labels":
        topics[read] = only_topic(bag, types, "label images", labelled, asked["labels"])
    elif read == "detections":
        topics[read] = only_topic(bag, types, DETECTIONS_2D, boxes, asked["detections"])
    topics["camera_info"] = _camera_info(bag, types, image, asked["camera_info"])
    if given.get("depth_registration") != "none":
        topics["depth_camera_info"] = _camera_info(bag, types, depth, asked["depth_camera_info"])
    return topics, {"input": read}


def _camera_info(bag: Path, types: Mapping[str, str], image: str, named: str) -> str:
    """The camera_info of an image: `<image>_camera_info`, or that beside it."""
    beside = f"{image.rsplit('/', 1)[0]}/camera_info"
    for topic in [named] if named else [f"{image}_camera_info", beside]:
        if types.get(topic) == CAMERA_INFO:
            return topic
    there = ", ".join(topic for topic, kind in types.items() if kind == CAMERA_INFO)
    raise DatasetError(f"{bag}: no {named or beside} for {image} (topics of {CAMERA_INFO}: {there or 'none'})")


def _encoding(bag: Path, topic: str) -> str:
    """The encoding of the first image on a topic; empty without any."""
    with open_bag(bag) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections):
            message: Any = reader.deserialize(raw, connection.msgtype)
            return str(message.encoding)
    return ""
