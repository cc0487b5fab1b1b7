"""The coloured clouds that a camera saw while a bag was replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.rosbag.reader import frame_of, open_bag, stamp_ns_of_header
from isometry.datasets.rosbag.transforms import BagTransforms, read_transforms
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.geometry.optical import looking_along_x
from isometry.sensing.cameras import Camera, camera_of
from isometry.sensing.images import decode_colour, decode_depth

POINTS_SHOWN = 20_000  # of each cloud
WAITING = 30  # images that may wait for their depth
TOGETHER_NS = 20_000_000  # between the stamps of an image and its depth


class ColourCloud(NamedTuple):
    """What a camera saw at a moment."""

    stamp_ns: int  # of the image
    points: NDArray[np.float32]  # (N,3) in the frame of the body, metres
    colours: NDArray[np.uint8]  # (N,3) red, green, blue


class _Cameras(NamedTuple):
    colour: Camera
    depth: Camera | None  # None: it is that of the colour
    T_colour_depth: Array
    T_body_colour: Array


def colour_clouds(bag: Path, given: Mapping[str, str], wanted_ns: set[int]) -> Iterator[ColourCloud]:
    """The clouds of the images with some stamps, of a node that was `given` parameters, and topics by its own names.

    Images without depth, and those that the node has refused too, are left out. Raises DatasetError for a bag that
    cannot be read.
    """
    if "depth" not in given:
        return
    cameras = _cameras(bag, given)
    for image, depth in _pairs(bag, given, wanted_ns):
        try:
            metres = decode_depth(depth, float(given.get("depth_unit", 1e-3)))
            frame = CameraFrame(decode_colour(image), cameras.colour, metres, cameras.depth, cameras.T_colour_depth)
            seen = rectified(frame)
        except ValueError:
            continue
        assert seen.depth is not None
        v, u = np.nonzero(seen.depth)
        every = len(u) // POINTS_SHOWN + 1
        v, u = v[::every], u[::every]
        rays = np.column_stack([u, v, np.ones(len(u))]).astype(np.float64) @ np.linalg.inv(seen.matrix).T
        points = se3.apply(cameras.T_body_colour, rays * seen.depth[v, u, None])
        yield ColourCloud(stamp_ns_of_header(image.header), points.astype(np.float32), seen.colour[v, u])


def _pairs(bag: Path, given: Mapping[str, str], wanted_ns: set[int]) -> Iterator[tuple[Any, Any]]:
    """Images with some stamps, and their depth, in the order of the bag."""
    waiting: dict[str, dict[int, Any]] = {given["image"]: {}, given["depth"]: {}}
    with open_bag(bag) as reader:
        connections = [connection for connection in reader.connections if connection.topic in waiting]
        for connection, _, raw in reader.messages(connections):
            message: Any = reader.deserialize(raw, connection.msgtype)
            own, stamp_ns = waiting[connection.topic], stamp_ns_of_header(message.header)
            if connection.topic == given["image"] and stamp_ns not in wanted_ns:
                continue
            own[stamp_ns] = message
            if len(own) > WAITING:
                del own[next(iter(own))]
            images, depths = waiting[given["image"]], waiting[given["depth"]]
            for image_ns in list(images):
                off_ns, depth_ns = min(((abs(each - image_ns), each) for each in depths), default=(TOGETHER_NS + 1, 0))
                if off_ns <= TOGETHER_NS:
                    yield images.pop(image_ns), depths[depth_ns]


def _cameras(bag: Path, given: Mapping[str, str]) -> _Cameras:
    """The first camera_info of each, and where transforms put the cameras at the start of the bag."""
    rectified_already = given.get("rectified") == "true"
    colour = camera_of(_first(bag, given["camera_info"]), rectified_already)
    frame, transforms = frame_of(bag, given["image"]), read_transforms(bag)
    T_body_colour = _mount(frame, given, transforms)
    if "depth_camera_info" not in given:
        return _Cameras(colour, None, np.eye(4), T_body_colour)
    depth = camera_of(_first(bag, given["depth_camera_info"]), rectified_already)
    depth_frame = frame_of(bag, given["depth"])
    if depth_frame == frame:
        return _Cameras(colour, None if depth.same_as(colour) else depth, np.eye(4), T_body_colour)
    return _Cameras(colour, depth, _at_start(transforms, frame, depth_frame), T_body_colour)


def _mount(frame: str, given: Mapping[str, str], transforms: BagTransforms) -> Array:
    """T_body_colour (4,4), as the node has it."""
    if not given.get("base_frame"):
        return np.eye(4)
    if given.get("sensor_pose") == "identity":
        return looking_along_x()
    return _at_start(transforms, given["base_frame"], frame)


def _at_start(transforms: BagTransforms, target: str, source: str) -> Array:
    if target == source:
        return np.eye(4)
    return np.asarray(transforms.at(target, source, np.zeros(1, np.int64))[0])


def _first(bag: Path, topic: str) -> Any:
    with open_bag(bag) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections):
            return reader.deserialize(raw, connection.msgtype)
    raise AssertionError  # the node has read one
