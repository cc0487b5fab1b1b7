"""The images of a bag: which topics are of colour, of depth and of labels, and of which camera."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import CAMERA_INFO, IMAGE
from isometry.datasets.rosbag.reader import open_bag
from isometry.evaluation.replay.topics import only_topic
from isometry.sensing.images import COLOURS, DEPTHS

LABELS = "label"
"""In the name of a topic of label images, by which they are told from depth."""


class BagImages:
    """The topics of images in a bag, told apart by the encoding of their first message.

    `types` are those of the bag's topics; `asked` are topics that the user named, by the node's names. Each method
    raises DatasetError in one line for a topic that is not there, or of which there are several.
    """

    def __init__(self, bag: Path, types: Mapping[str, str], asked: Mapping[str, str]) -> None:
        self._bag, self._types, self._asked = bag, types, asked
        encodings = {topic: _encoding(bag, topic) for topic, kind in types.items() if kind == IMAGE}
        self._labels = [topic for topic in encodings if LABELS in topic.lower()]
        others = {topic: encoding for topic, encoding in encodings.items() if topic not in self._labels}
        self._colours = [topic for topic, encoding in others.items() if encoding in COLOURS]
        self._depths = [topic for topic, encoding in others.items() if encoding in DEPTHS]

    def camera(self) -> dict[str, str]:
        """The bag's topics by `image` and `camera_info`, the image first."""
        image = only_topic(self._bag, self._types, "colour images", self._colours, self._asked["image"])
        return {"image": image, "camera_info": self._camera_info(image, self._asked["camera_info"])}

    def has_depth(self) -> bool:
        """Whether there is any depth, or the user has named a topic of it."""
        return bool(self._depths) or bool(self._asked["depth"])

    def depth(self, image: str, registered: bool) -> dict[str, str]:
        """The bag's topics by `depth` and, where it is not `registered` to the `image`, `depth_camera_info`."""
        depths = [topic for topic in self._depths if topic != image]
        depth = only_topic(self._bag, self._types, "depth images", depths, self._asked["depth"])
        if registered:
            return {"depth": depth}
        return {"depth": depth, "depth_camera_info": self._camera_info(depth, self._asked["depth_camera_info"])}

    def labels(self) -> str:
        """The topic of label images."""
        return only_topic(self._bag, self._types, "label images", self._labels, self._asked["labels"])

    def _camera_info(self, image: str, named: str) -> str:
        """The camera_info of an image: `<image>_camera_info`, or that beside it."""
        beside = f"{image.rsplit('/', 1)[0]}/camera_info"
        for topic in [named] if named else [f"{image}_camera_info", beside]:
            if self._types.get(topic) == CAMERA_INFO:
                return topic
        there = ", ".join(topic for topic, kind in self._types.items() if kind == CAMERA_INFO)
        raise DatasetError(
            f"{self._bag}: no {named or beside} for {image} (topics of {CAMERA_INFO}: {there or 'none'})"
        )


def _encoding(bag: Path, topic: str) -> str:
    """The encoding of the first image on a topic; empty without any."""
    with open_bag(bag) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections):
            message: Any = reader.deserialize(raw, connection.msgtype)
            return str(message.encoding)
    return ""
