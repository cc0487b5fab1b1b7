"""Which camera_info goes with which images, in whatever order the messages come."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from isometry.nodes.runtime import messages
from isometry.nodes.runtime.image_inputs import ImageInputs, ImageSet
from isometry.nodes.runtime.node_parameters import ImageParameters
from isometry.nodes.runtime.transforms import TransformBuffer

TENTH = 100_000_000


class Inputs:
    """Inputs of a node that is none: messages are handed to its callbacks."""

    def __init__(self, depth: bool = False, **given: Any) -> None:
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.sets: list[ImageSet] = []
        node: Any = SimpleNamespace(
            own=ImageParameters(**given), subscribe=self._subscribe, transforms=TransformBuffer()
        )
        self.inputs = ImageInputs(node, {"depth": Image} if depth else {}, self.sets.append)

    def _subscribe(self, kind: type, topic: str, receive: Callable[[Any], None], *_: Any) -> Any:
        self.callbacks[topic] = receive
        return SimpleNamespace(topic_name=f"/{topic}")

    def image(self, stamp_ns: int, topic: str = "image", frame: str = "camera") -> None:
        self.callbacks[topic](Image(header=header(stamp_ns, frame)))

    def info(self, stamp_ns: int, focal: float = 500.0, topic: str = "camera_info", width: int = 640) -> None:
        info = CameraInfo(header=header(stamp_ns), width=width, height=480)
        info.k = np.array([focal, 0.0, 320.0, 0.0, focal, 240.0, 0.0, 0.0, 1.0])
        self.callbacks[topic](info)

    def focal_lengths(self, topic: str = "camera_info") -> list[float]:
        return [float(each.infos[topic].k[0]) for each in self.sets]


def header(stamp_ns: int, frame: str = "camera") -> Header:
    return Header(stamp=messages.to_stamp(stamp_ns), frame_id=frame)


def test_images_wait_for_the_first_camera_info() -> None:
    inputs = Inputs()
    inputs.image(TENTH)
    inputs.image(2 * TENTH)
    assert inputs.sets == []
    inputs.info(2 * TENTH)
    assert [messages.stamp_ns(each.header.stamp) for each in inputs.sets] == [2 * TENTH]


@pytest.mark.parametrize("info_first", [True, False])
def test_a_camera_that_changes_does_so_with_the_very_image(info_first: bool) -> None:
    inputs = Inputs()
    for k, focal in enumerate([500.0, 500.0, 600.0, 600.0], 1):
        if info_first:
            inputs.info(k * TENTH, focal)
        inputs.image(k * TENTH)
        if not info_first:
            inputs.info(k * TENTH, focal)
    assert inputs.focal_lengths() == [500.0, 500.0, 600.0, 600.0]


def test_a_camera_info_that_comes_once_or_stops_holds_no_image_up() -> None:
    inputs = Inputs()
    inputs.info(TENTH)
    for k in range(1, 6):
        inputs.image(k * TENTH)
    assert len(inputs.sets) == 4  # the second one has waited for its own
    seldom = Inputs()
    seldom.info(0)
    for k in range(1, 6):
        seldom.image(k * TENTH)
    assert len(seldom.sets) == 5


def test_depth_has_the_camera_info_of_its_own_stamp() -> None:
    inputs = Inputs(depth=True)
    for k in (1, 2):
        inputs.info(k * TENTH, 500.0 + k)
        inputs.info(k * TENTH + 5_000_000, 580.0 + k, "depth_camera_info")
        inputs.image(k * TENTH)
        inputs.image(k * TENTH + 5_000_000, "depth")
    assert inputs.focal_lengths() == [501.0, 502.0]
    assert inputs.focal_lengths("depth_camera_info") == [581.0, 582.0]


def test_cameras_are_kept_while_they_do_not_change_and_depth_of_the_same_camera_needs_no_other() -> None:
    inputs = Inputs(depth=True)
    for k, focal in enumerate((500.0, 500.0, 600.0), 1):
        inputs.info(k * TENTH)
        inputs.info(k * TENTH, focal, "depth_camera_info")
        inputs.image(k * TENTH)
        inputs.image(k * TENTH, "depth")
    first, second, third = inputs.sets
    camera = inputs.inputs.camera(first)
    assert inputs.inputs.camera(second) is camera  # it knows its distortion
    assert inputs.inputs.depth_camera(second, camera, 2 * TENTH)[0] is None
    own, T_colour_depth = inputs.inputs.depth_camera(third, camera, 3 * TENTH)
    assert own is not None
    assert own.matrix[0, 0] == 600.0
    np.testing.assert_array_equal(T_colour_depth, np.eye(4))


@pytest.mark.parametrize(
    ("focal", "width", "words"),
    [(0.0, 640, "has no focal length in k"), (0.5, 640, "a focal length of 0.5 pixels"), (500.0, 0, "a width of 0")],
)
def test_a_camera_that_cannot_be_is_named_with_its_topic(focal: float, width: int, words: str) -> None:
    inputs = Inputs()
    inputs.info(TENTH, focal, width=width)
    inputs.image(TENTH)
    with pytest.raises(ValueError, match=f"^/camera_info: camera_info .*{words}"):
        inputs.inputs.camera(inputs.sets[0])
