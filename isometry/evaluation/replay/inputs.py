"""What a bag gives to a node: which topics, where the odometry comes from, where the sensor is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import DETECTIONS, IMU, ODOMETRY, POINT_CLOUD
from isometry.datasets.rosbag.reader import frame_of, topic_types
from isometry.datasets.rosbag.transforms import BagTransforms, read_transforms, transform_topics
from isometry.evaluation.replay.depth_egomotion.inputs import choose_camera_topics
from isometry.evaluation.replay.object_pose.inputs import choose_image_topics
from isometry.evaluation.replay.topics import only_topic

ODOMETRY_SOURCES: dict[str, tuple[str, ...]] = {
    "depth_egomotion": (),
    "lidar_odometry": (),
    "place_recognition": ("tf", "topic"),
    "relocalization": ("tf", "topic", "none"),
    "tracking": ("tf", "topic", "none"),
    "object_pose": (),
}
"""The choices of the parameter `odometry` by the name of the node."""
OF_IMAGES = {"depth_egomotion": choose_camera_topics, "object_pose": choose_image_topics}
"""What chooses the topics of a node that reads images."""
LOCATING = ("place_recognition", "relocalization")
"""Nodes that publish transforms out of the map's frame, and that read an IMU."""
HOW_TO_NAME = "name them with --parameter base_frame=NAME and odom_frame=NAME"


@dataclass(frozen=True)
class Topics:
    """Topics by the names that the node has for them, as the user named them; empty: the bag's only one of its type."""

    points: str = ""
    detections: str = ""
    odom: str = ""
    imu: str = ""
    image: str = ""
    camera_info: str = ""
    depth: str = ""
    depth_camera_info: str = ""
    labels: str = ""


@dataclass(frozen=True)
class NodeInputs:
    """Everything that a node is given when it is started beside a bag."""

    topics: dict[str, str]  # the bag's topic by the node's; the node answers the messages of the first
    transforms: list[str]  # topics of transforms
    not_played: str  # a frame whose children the node itself publishes; empty: none
    parameters: dict[str, str]  # of the node: what the user gave, and what follows from the bag


def choose_inputs(node: str, bag: Path, asked: Topics, given: Mapping[str, str]) -> NodeInputs:
    """The inputs of `node` out of a bag; what the user asked for and the parameters `given` go before.

    Odometry is taken from transforms that join odom_frame and base_frame, else from the only topic of it, else the node
    estimates it itself where it can. The sensor is where transforms put it, or at the robot's origin in a bag without
    any. Raises DatasetError in one line when the bag has not what the node needs.
    """
    types = topic_types(bag)
    if node in OF_IMAGES:
        image_topics, follows = OF_IMAGES[node](bag, types, vars(asked), given)
        return NodeInputs(image_topics, transform_topics(types), "", {**follows, **given})
    map_frame = given.get("map_frame", "map") if node in LOCATING else ""
    transforms = read_transforms(bag, {map_frame})
    base = given.get("base_frame", "base_link")
    answered = "detections" if asked.detections else "points"
    kind, named = (DETECTIONS, asked.detections) if asked.detections else (POINT_CLOUD, asked.points)
    topics = {answered: _only_topic(bag, types, kind, named)}
    chosen: dict[str, str] = {"input": answered} if node == "tracking" else {}
    if ODOMETRY_SOURCES[node]:
        frames = given.get("odom_frame", "odom"), base
        chosen["odometry"] = given.get("odometry") or _odometry(node, bag, types, asked.odom, frames, transforms)
        if chosen["odometry"] == "topic":
            topics["odom"] = _only_topic(bag, types, ODOMETRY, asked.odom)
    chosen["sensor_pose"] = given.get("sensor_pose") or _sensor_pose(bag, topics[answered], base, transforms)
    if node in LOCATING:
        imu = asked.imu or next((topic for topic, kind in types.items() if kind == IMU), "")
        usable = bool(imu) and transforms.joined(base, frame_of(bag, imu) or base)
        chosen["gravity"] = given.get("gravity") or ("imu" if usable else "none")
        topics |= {"imu": imu} if imu and chosen["gravity"] == "imu" else {}
    if node == "lidar_odometry" or (node == "tracking" and chosen["odometry"] == "none"):
        # what odometry publishes is recorded from its topic; where the robot is among its tracks, only tracking knows
        chosen["publish_tf"] = str(node == "tracking").lower()
    return NodeInputs(topics, transform_topics(types), map_frame, {**chosen, **given})


def _odometry(
    node: str, bag: Path, types: Mapping[str, str], named: str, frames: tuple[str, str], transforms: BagTransforms
) -> str:
    odom, base = frames
    count = list(types.values()).count(ODOMETRY)
    if named:
        return "topic"
    if transforms.joined(odom, base):
        return "tf"
    if count == 1:
        return "topic"
    if "none" in ODOMETRY_SOURCES[node]:
        return "none"
    raise DatasetError(
        f"{bag}: no odometry for {node}: {count} topics of type {ODOMETRY}, and no transforms join {odom} and {base} "
        f"({transforms}): {HOW_TO_NAME}, or the topic with --odom"
    )


def _sensor_pose(bag: Path, topic: str, base: str, transforms: BagTransforms) -> str:
    if not transforms.edges:
        return "identity"
    frame = frame_of(bag, topic)
    if transforms.joined(base, frame):
        return "tf"
    raise DatasetError(
        f"{bag}: where is the frame {frame!r} of {topic} on the robot? no transforms join it and base_frame = {base} "
        f"({transforms}): {HOW_TO_NAME}, or say with --parameter sensor_pose=identity that the two are one"
    )


def _only_topic(bag: Path, types: Mapping[str, str], kind: str, named: str) -> str:
    """The topic that the user named, which must be of that type, or the only one of it."""
    chosen = only_topic(bag, types, kind, [topic for topic, its in types.items() if its == kind], named)
    if types[chosen] != kind:
        raise DatasetError(f"{bag}: {named} is of type {types[named]}, expected {kind}")
    return chosen
