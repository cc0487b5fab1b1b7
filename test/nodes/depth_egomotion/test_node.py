"""The node of depth and ego-motion in its own process, over real DDS: a camera that moves in a painted room."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from onnx import TensorProto, helper
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from isometry.arrays import AnyArray, Array
from isometry.depth_egomotion.map_file import load_map, save_map
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.relocalisation import locate
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.geometry.optical import looking_along_x
from isometry.inference import WEIGHTS, card_path
from isometry.nodes.depth_egomotion.parameters import DepthEgomotionNodeParameters
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.sensing.cameras import Camera
from isometry.sensing.point_cloud2 import decode_all_xyz
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, PaintedRoom, walk_pose

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

SECOND = 1_000_000_000
TENTH = SECOND // 10
NODE = "depth_egomotion"
INPUTS = ("image", "depth", "camera_info", "depth_camera_info")
OUTPUTS = {"rectified/depth": Image, "rectified/normals": Image, "rectified/camera_info": CameraInfo}
OUTPUTS |= {"points": PointCloud2}
ROOM = PaintedRoom()
LONGER = Camera(np.array([[330.0, 0.0, 160.0], [0.0, 330.0, 120.0], [0.0, 0.0, 1.0]]), 320, 240)
DEPTH = Camera(np.array([[290.0, 0.0, 158.0], [0.0, 290.0, 121.0], [0.0, 0.0, 1.0]]), 320, 240)
T_COLOUR_DEPTH = se3.from_rotation_translation(np.eye(3), np.array([-0.025, 0.0, 0.0]))
T_BODY_OPTICAL = looking_along_x()
ENCODINGS = {np.dtype(np.uint8): "mono8", np.dtype("<u2"): "16UC1", np.dtype("<f4"): "32FC1"}


def to_image(pixels: AnyArray, encoding: str = "") -> Image:
    height, width = pixels.shape[:2]
    known = encoding or ("rgb8" if pixels.ndim == 3 else ENCODINGS[pixels.dtype])
    step = width * pixels.itemsize * (3 if pixels.ndim == 3 else 1)
    return Image(height=height, width=width, encoding=known, step=step, data=pixels.tobytes())


def to_info(camera: Camera) -> CameraInfo:
    info = CameraInfo(width=camera.width, height=camera.height)
    info.k = camera.matrix.ravel()
    return info


def frame(k: int, camera: Camera = CAMERA) -> dict[str, Any]:
    """Messages of a depth camera that is the colour camera; depth in millimetres."""
    colour, depth = ROOM.view(camera, walk_pose(k))
    millimetres = np.round(1000.0 * depth).astype("<u2")
    info = to_info(camera)
    return {
        "camera_info": info, "depth_camera_info": deepcopy(info),
        "image": to_image(colour), "depth": to_image(millimetres),
    }  # fmt: skip


def moved(first: int, last: int) -> Array:
    """The true motion of the camera between two images."""
    return se3.inverse(walk_pose(first)) @ walk_pose(last)


class Watcher:
    """A robot with a camera, that receives the outputs of the node."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        robot.node.destroy_publisher(robot.odom)
        create, subscribe = robot.node.create_publisher, robot.node.create_subscription
        kinds = {topic: Image if topic in ("image", "depth") else CameraInfo for topic in INPUTS}
        self.publishers: dict[str, Any] = {topic: create(kind, topic, reliable()) for topic, kind in kinds.items()}
        self.odometry: dict[int, Odometry] = {}
        self.edges: dict[int, tuple[str, str, Array]] = {}
        self.path = PathMessage()
        self.seen: dict[str, Any] = {}
        self.states: list[str] = []  # one for each report
        subscribe(Odometry, "odom", lambda m: self.odometry.__setitem__(stamp_of(m), m), reliable(100))
        subscribe(PathMessage, "path", lambda m: setattr(self, "path", m), latched())
        subscribe(TFMessage, "/tf", self._receive_tf, reliable(100))
        subscribe(DiagnosticArray, "/diagnostics", self._receive_report, reliable(100))

    def _receive_report(self, message: DiagnosticArray) -> None:
        self.states.append(message.status[0].message)

    def _receive_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            edge = stamped.header.frame_id, stamped.child_frame_id, messages.from_transform(stamped.transform)
            if edge[0] == "odom":
                self.edges[stamp_of(stamped)] = edge

    def watch_pixels(self) -> None:
        """Subscribe to what the images show in metres."""
        for topic, kind in OUTPUTS.items():
            self.robot.node.create_subscription(kind, topic, partial(self.seen.__setitem__, topic), reliable())

    def meet(self, topics: Sequence[str] = INPUTS) -> None:
        robot = self.robot
        robot.until(lambda: all(self.publishers[topic].get_subscription_count() for topic in topics))
        robot.until(lambda: robot.node.count_publishers("odom") and robot.status.message)
        robot.listen(0.3)

    def send(self, stamp_ns: int, sent: dict[str, Any], frames: dict[str, str] | None = None) -> None:
        """Publish messages by topic with a stamp, of the frame `camera` or as `frames` says by topic."""
        for topic, message in sent.items():
            message.header = Header(stamp=messages.to_stamp(stamp_ns), frame_id=(frames or {}).get(topic, "camera"))
            self.publishers[topic].publish(message)

    def answer(self, stamp_ns: int, sent: dict[str, Any]) -> Array:
        """Send, and wait for the odometry: the pose of the body."""
        self.send(stamp_ns, sent)
        self.robot.until(lambda: stamp_ns in self.odometry)
        return messages.from_pose(self.odometry[stamp_ns].pose.pose)

    def reports(self, state: str, words: str = "") -> bool:
        return bool(self.robot.state == state and words in self.robot.status.message)

    def figure(self, name: str) -> str:
        return values_of(self.robot.status).get(name, "")


def stamp_of(message: Any) -> int:
    return messages.stamp_ns(message.header.stamp)


@pytest.fixture
def watcher(robot: Robot) -> Watcher:
    return Watcher(robot)


@pytest.fixture
def start_camera(start: Callable[..., Any]) -> Callable[..., Any]:
    """Starts the node in a way that loses no message."""
    lossless = {f"qos_overrides./{topic}.subscription.reliability": "reliable" for topic in INPUTS}
    return lambda **parameters: start(NODE, **{"base_frame": "''", **lossless, **parameters})


def assert_near(found: Array, true: Array, metres: float = 0.005, degrees: float = 0.3) -> None:
    off_m, off = se3.distance(found, true)
    assert off_m < metres
    assert np.degrees(off) < degrees


def test_a_camera_is_followed_and_what_it_sees_is_published(watcher: Watcher, start_camera: Start) -> None:
    node = start_camera()
    watcher.watch_pixels()
    watcher.meet()
    for k in range(15):
        stamp = SECOND + k * TENTH
        found = watcher.answer(stamp, frame(k))
        assert_near(found, T_BODY_OPTICAL @ moved(0, k))
    message = watcher.odometry[stamp]
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "camera")
    covariance = np.array(message.pose.covariance).reshape(6, 6)
    assert np.linalg.eigvalsh(covariance).min() > 0.0
    assert np.sqrt(np.linalg.eigvalsh(covariance[:3, :3]).max()) < 0.5
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    step = moved(13, 14)
    speed = 10.0 * step[:3, :3].T @ step[:3, 3]
    assert np.allclose([linear.x, linear.y, linear.z], speed, atol=0.06)
    turn = 10.0 * Rotation.from_matrix(step[:3, :3]).as_rotvec()
    assert np.allclose([angular.x, angular.y, angular.z], turn, atol=0.06)
    assert np.array(message.twist.covariance)[::7].min() > 0.0
    robot = watcher.robot
    robot.until(lambda: stamp in watcher.edges and robot.map_to_odom)
    target, source, T_odom_camera = watcher.edges[stamp]
    assert (target, source) == ("odom", "camera")
    assert np.allclose(T_odom_camera, found, atol=1e-9)
    assert_near(robot.map_to_odom[-1], np.eye(4))

    robot.until(lambda: len(watcher.seen) == len(OUTPUTS))
    robot.until(lambda: all(stamp_of(each) == stamp for each in watcher.seen.values()))
    assert {each.header.frame_id for each in watcher.seen.values()} == {"camera"}
    _, true_depth = ROOM.view(CAMERA, walk_pose(14))
    depth = np.frombuffer(watcher.seen["rectified/depth"].data, "<f4").reshape(240, 320)
    assert np.allclose(depth, true_depth, atol=1e-3)
    normals = np.frombuffer(watcher.seen["rectified/normals"].data, "<f4").reshape(240, 320, 3)
    known = np.isfinite(normals).all(axis=2)
    in_room = normals[known] @ walk_pose(14)[:3, :3].T
    assert known.mean() > 0.8
    assert np.mean(np.abs(in_room).max(axis=1) > 0.999) > 0.9  # walls face along an axis of the room
    assert np.allclose(watcher.seen["rectified/camera_info"].k, CAMERA.matrix.ravel())
    cloud = watcher.seen["points"]
    assert (cloud.height, cloud.width) == (240, 320)
    in_room = se3.apply(walk_pose(14), decode_all_xyz(cloud).astype(np.float64))
    assert np.allclose((np.abs(in_room) / HALF_SIZE_M).max(axis=1), 1.0, atol=2e-3)

    robot.until(lambda: stamp_of(watcher.path) == stamp)
    assert watcher.path.header.frame_id == "map"
    for pose in watcher.path.poses:
        k = (stamp_of(pose) - SECOND) // TENTH
        assert_near(messages.from_pose(pose.pose), T_BODY_OPTICAL @ moved(0, k))
    robot.until(lambda: int(watcher.figure("keyframes") or 0) == len(watcher.path.poses) > 0)
    assert watcher.reports("ok")
    assert node.stop() == 0


def test_the_base_is_followed_where_the_camera_is_mounted_and_depth_has_a_camera_of_its_own(
    watcher: Watcher, start_camera: Start
) -> None:
    start_camera(base_frame="base_link", publish_map=False)
    watcher.meet()
    robot = watcher.robot
    T_base_camera = (
        se3.from_rotation_translation(
            Rotation.from_euler("z", 30.0, degrees=True).as_matrix(), np.array([0.3, -0.1, 0.5])
        )
        @ T_BODY_OPTICAL
    )
    frames = {"depth": "depth_camera", "depth_camera_info": "depth_camera"}
    stamps = count(SECOND, TENTH)

    def sent(k: int) -> dict[str, Any]:
        colour, _ = ROOM.view(CAMERA, walk_pose(k))
        _, depth = ROOM.view(DEPTH, walk_pose(k) @ T_COLOUR_DEPTH)
        return {
            "camera_info": to_info(CAMERA), "depth_camera_info": to_info(DEPTH),
            "image": to_image(colour), "depth": to_image(depth.astype("<f4")),
        }  # fmt: skip

    watcher.send(next(stamps), sent(0), frames)
    robot.until(lambda: watcher.reports("no_tf", "an empty base_frame follows the camera itself"))

    def begun() -> bool:
        robot.send_static("base_link", "camera", T_base_camera)
        robot.send_static("camera", "depth_camera", T_COLOUR_DEPTH)
        watcher.send(next(stamps), sent(0), frames)
        robot.listen(0.3)
        return bool(watcher.odometry)

    robot.until(begun)
    for k in range(1, 12):
        watcher.send(stamp := next(stamps), sent(k), frames)
        robot.until(partial(watcher.odometry.__contains__, stamp))
    message = watcher.odometry[stamp]
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    true = T_base_camera @ moved(0, 11) @ se3.inverse(T_base_camera)
    assert_near(messages.from_pose(message.pose.pose), true, 0.01, 0.5)
    assert robot.map_to_odom == []


@pytest.mark.parametrize("topic", ["image", "depth", "camera_info", "depth_camera_info"])
def test_an_input_that_does_not_come_is_named(watcher: Watcher, start_camera: Start, topic: str) -> None:
    start_camera()
    watcher.meet()
    stamps = count(SECOND, TENTH)
    sent = {name: message for name, message in frame(0).items() if name != topic}

    def reported() -> bool:
        watcher.send(next(stamps), sent)
        watcher.robot.listen(0.1)
        return watcher.reports("no_input", f"no_input: /{topic} is published by /robot, but nothing arrives (")

    watcher.robot.until(reported)
    assert watcher.odometry == {}


def test_stamps_that_never_meet_are_named_with_their_distance(watcher: Watcher, start_camera: Start) -> None:
    start_camera()
    watcher.meet()
    stamps, sent = count(SECOND, TENTH), frame(0)
    depth = sent.pop("depth")

    def reported() -> bool:
        stamp = next(stamps)
        watcher.send(stamp, sent)
        watcher.send(stamp + SECOND // 25, {"depth": depth})
        watcher.robot.listen(0.1)
        return watcher.reports("sync_starved", "depth is 0.04 s from the nearest image")

    watcher.robot.until(reported)
    assert watcher.odometry == {}


def test_bad_images_are_named_and_the_path_does_not_jump(watcher: Watcher, start_camera: Start) -> None:
    node = start_camera()
    watcher.meet()
    robot, stamps = watcher.robot, count(SECOND, TENTH)
    for k in range(4):
        before = watcher.answer(next(stamps), frame(k))
    good = frame(3)
    colour, depth = ROOM.view(CAMERA, walk_pose(3))

    def names_problem(words: str, **changed: Any) -> None:
        stamp = next(stamps)
        watcher.send(stamp, {**deepcopy(good), **changed})
        robot.until(lambda: watcher.reports("bad_input", words))
        assert stamp not in watcher.odometry

    metres = depth.astype("<f4")
    names_problem("such as millimetres?", depth=to_image(1000.0 * metres))
    names_problem("no pixel of the depth image was measured", depth=to_image(0.0 * metres))
    names_problem("registered to the colour, is 160x120", depth=to_image(metres[::2, ::2].copy()))
    names_problem("colour image is 160x240", image=to_image(colour[:, ::2].copy()))
    names_problem("encoding 'yuv422'", image=to_image(colour, "yuv422"))
    uncalibrated = CameraInfo(width=320, height=240)
    names_problem("/camera_info: camera_info has no focal length", camera_info=uncalibrated)
    in_metres = to_info(Camera(np.diag([0.004, 0.004, 1.0]), 320, 240))
    names_problem("/camera_info: camera_info has a focal length of 0.004 pixels", camera_info=in_metres)
    names_problem("/depth_camera_info: camera_info has no focal length", depth_camera_info=deepcopy(uncalibrated))

    black = watcher.answer(next(stamps), {**deepcopy(good), "image": to_image(0 * colour)})
    robot.until(lambda: watcher.reports("bad_input") and watcher.figure("nothing_in_image") == "1")
    assert_near(black, before, 0.05, 2.0)
    for k in range(4, 8):
        after = watcher.answer(next(stamps), frame(k))
    assert_near(after, T_BODY_OPTICAL @ moved(0, 7), 0.02, 1.0)
    robot.until(lambda: watcher.reports("ok"))
    assert node.runs


def test_images_that_are_the_same_bit_by_bit_are_frozen(watcher: Watcher, start_camera: Start) -> None:
    start_camera()
    watcher.meet()
    robot, stamps = watcher.robot, count(SECOND, TENTH)
    first = watcher.answer(next(stamps), frame(0))

    def frozen() -> bool:
        assert_near(watcher.answer(next(stamps), frame(0)), first, 1e-3, 0.1)
        return watcher.reports("frozen")

    robot.until(frozen)
    assert int(watcher.figure("frozen")) > 0


def test_another_camera_under_way_is_told_once_and_the_path_goes_on(watcher: Watcher, start_camera: Start) -> None:
    start_camera()
    watcher.meet()
    robot, stamps = watcher.robot, count(SECOND, TENTH)
    for k in range(6):
        before = watcher.answer(stamp := next(stamps), frame(k))
    uncertain = np.trace(np.array(watcher.odometry[stamp].pose.covariance).reshape(6, 6))
    changed = watcher.answer(stamp := next(stamps), frame(6, LONGER))
    assert np.allclose(changed, before, atol=1e-9)
    assert np.trace(np.array(watcher.odometry[stamp].pose.covariance).reshape(6, 6)) > uncertain
    for k in range(7, 12):
        after = watcher.answer(next(stamps), frame(k, LONGER))
    assert_near(after, before @ moved(6, 11))
    robot.until(lambda: watcher.figure("camera_changes") == "1" and not watcher.reports("camera_changed"))
    told = [state for state in watcher.states if state.startswith("camera_changed")]
    assert len(told) == 1
    assert "camera_info became that of another camera" in told[0]


def test_a_method_that_needs_depth_is_refused_without(watcher: Watcher, start_camera: Start) -> None:
    node = start_camera(mode="mono", method="gicp")
    watcher.robot.until(lambda: watcher.reports("bad_input", "needs depth: set mode to rgbd"))
    assert node.runs


def test_a_camera_alone_needs_no_depth(watcher: Watcher, start_camera: Start) -> None:
    start_camera(mode="mono", camera_height=1.1)
    watcher.meet(("image", "camera_info"))
    stamps = count(SECOND, TENTH)
    for k in range(3):
        sent = frame(k)
        watcher.answer(next(stamps), {topic: sent[topic] for topic in ("image", "camera_info")})


def write_depth_model(path: Path, depth_m: float, relative_sigma: float) -> Path:
    """A model file that says the same depth everywhere, and its relative standard deviation."""
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("metres", TensorProto.FLOAT, [], [depth_m]),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["image", "axis"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "metres"], ["depth"]),
    ]
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    given = helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, 1, "h", "w"])
    graph = helper.make_graph(nodes, "depth", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    form = {"output": "metres", "sigma_floor": relative_sigma}
    helper.set_model_props(model, {"task": "depth", "preprocessing": json.dumps(form)})
    onnx.save(model, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    card_path(path).write_text(json.dumps({"sha256": sha256}))
    return path


def test_the_depth_of_a_network_is_published_in_mono(watcher: Watcher, start_camera: Start, tmp_path: Path) -> None:
    path = write_depth_model(tmp_path / "two_metres.onnx", 2.0, 0.25)
    start_camera(mode="mono", depth_model=path, scale_by_depth_model=True)
    watcher.watch_pixels()
    sigma = "rectified/depth_sigma"
    watcher.robot.node.create_subscription(Image, sigma, partial(watcher.seen.__setitem__, sigma), reliable())
    watcher.meet(("image", "camera_info"))
    for k in range(3):
        sent = frame(2 * k)
        watcher.answer(stamp := SECOND + k * TENTH, {topic: sent[topic] for topic in ("image", "camera_info")})
    watcher.robot.until(lambda: len(watcher.seen) == len(OUTPUTS) + 1)
    watcher.robot.until(lambda: all(stamp_of(each) == stamp for each in watcher.seen.values()))
    assert {each.header.frame_id for each in watcher.seen.values()} == {"camera"}
    pixels = {topic: np.frombuffer(watcher.seen[topic].data, "<f4") for topic in watcher.seen if "camera" not in topic}
    np.testing.assert_allclose(pixels["rectified/depth"], 2.0)
    np.testing.assert_allclose(pixels[sigma], 0.5)
    normals = pixels["rectified/normals"].reshape(240, 320, 3)
    np.testing.assert_allclose(normals[100, 100], [0.0, 0.0, -1.0], atol=1e-6)
    np.testing.assert_allclose(decode_all_xyz(watcher.seen["points"])[:, 2], 2.0)
    assert np.allclose(watcher.seen["rectified/camera_info"].k, CAMERA.matrix.ravel())
    watcher.robot.until(lambda: 0.1 <= float(watcher.figure("sigma_scale") or 1.0) < 0.9)
    assert watcher.figure("model") == "two_metres"
    assert watcher.figure("model_sha256") == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_no_depth_model_is_refused_by_name(watcher: Watcher, start_camera: Start) -> None:
    start_camera(mode="mono", depth_model=WEIGHTS / "place_recognition.onnx")
    watcher.robot.until(lambda: watcher.reports("model_mismatch", "place_recognition.onnx: made for"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"depth_model": "shipped"}, "parameter depth_model is of mode mono"),
        ({"speed_input": "odometry"}, "parameter speed_input is of mode mono"),
        ({"mode": "mono", "scale_by_depth_model": True}, "scale_by_depth_model: depth_model names no network"),
    ],
)
def test_parameters_without_effect_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DepthEgomotionNodeParameters(**given).check()


def test_the_speed_of_wheels_is_the_scale_and_is_told_when_it_is_missing(watcher: Watcher, start_camera: Start) -> None:
    reliability = {"qos_overrides./wheel_odometry.subscription.reliability": "reliable"}
    start_camera(mode="mono", speed_input="odometry", **reliability)
    wheels = watcher.robot.node.create_publisher(Odometry, "wheel_odometry", reliable(100))
    watcher.meet(("image", "camera_info"))
    watcher.robot.until(wheels.get_subscription_count)

    def answer(k: int, told: bool) -> Array:
        stamp, sent = SECOND + k * TENTH, frame(2 * k)
        if told:
            step = moved(2 * k - 1, 2 * k + 1)
            twist = Odometry(header=Header(stamp=messages.to_stamp(stamp), frame_id="odom"), child_frame_id="wheels")
            twist.twist.twist.linear.x = 10.0 * float(np.linalg.norm(step[:3, 3]))
            wheels.publish(twist)
        return watcher.answer(stamp, {topic: sent[topic] for topic in ("image", "camera_info")})

    for k in range(10):
        found = answer(k, told=True)
    assert np.linalg.norm(found[:3, 3]) == pytest.approx(np.linalg.norm(moved(0, 18)[:3, 3]), rel=0.1)
    watcher.robot.until(lambda: watcher.reports("ok") and float(watcher.figure("sigma_scale") or 1.0) < 0.2)
    answer(10, told=False)
    watcher.robot.until(lambda: watcher.reports("no_input", "/wheel_odometry: no twists around the stamp"))


def test_the_map_is_saved_and_a_camera_is_found_in_it(watcher: Watcher, start_camera: Start, tmp_path: Path) -> None:
    start_camera(map_file=tmp_path / "room.map")
    watcher.meet()
    refused = watcher.robot.call("save_map", NODE)
    assert (refused.success, refused.message) == (False, "there is no keyframe to save yet")
    for k in range(12):
        watcher.answer(SECOND + k * TENTH, frame(k))
    saved = watcher.robot.call("save_map", NODE)
    assert saved.success, saved.message
    assert "keyframes to" in saved.message
    colour, depth = ROOM.view(CAMERA, walk_pose(2))
    found = locate(load_map(tmp_path / "room.map"), CameraFrame(colour, CAMERA, depth))
    assert found.accepted, found.reason
    assert_near(found.T_map_camera, moved(0, 2))


def test_in_a_known_map_odom_is_placed_once_the_camera_is_found(
    watcher: Watcher, start_camera: Start, tmp_path: Path
) -> None:
    method = RgbdEgoMotion(EgoMotionParameters())
    for k in range(12):
        colour, depth = ROOM.view(CAMERA, walk_pose(k))
        method.process(CameraFrame(colour, CAMERA, depth), k * TENTH)
    save_map(tmp_path / "room.map", method.map)
    start_camera(known_map=tmp_path / "room.map")
    watcher.meet()
    elsewhere, stamps = frame(0), count(SECOND, TENTH)
    other, far = PaintedRoom(seed=1).view(CAMERA, walk_pose(0))
    elsewhere |= {"image": to_image(other), "depth": to_image((0.5 * far).astype("<f4"))}
    watcher.answer(next(stamps), elsewhere)
    watcher.robot.until(lambda: watcher.reports("lost", "not found in the map yet"))
    assert watcher.robot.map_to_odom == []
    T_odom_camera = watcher.answer(next(stamps), frame(5))
    watcher.robot.until(lambda: watcher.robot.map_to_odom)
    found = watcher.robot.map_to_odom[-1] @ T_odom_camera
    assert_near(found, T_BODY_OPTICAL @ moved(0, 5), 0.01, 0.5)


def test_a_known_map_that_is_none_is_named(watcher: Watcher, start_camera: Start, tmp_path: Path) -> None:
    start_camera(known_map=tmp_path / "none.map")
    watcher.robot.until(lambda: watcher.reports("bad_input", "none.map: no such file"))


def test_the_baseline_follows_the_camera_and_keeps_no_map(
    watcher: Watcher, start_camera: Start, tmp_path: Path
) -> None:
    start_camera(method="gicp", map_file=tmp_path / "room.map")
    watcher.meet()
    for k in range(3):
        found = watcher.answer(SECOND + k * TENTH, frame(k))
    assert_near(found, T_BODY_OPTICAL @ moved(0, 2), 0.03, 2.0)
    refused = watcher.robot.call("save_map", NODE)
    assert (refused.success, refused.message) == (False, "the method gicp keeps no map of keyframes")
    assert list(tmp_path.glob("room*")) == []


@pytest.mark.parametrize("how", ["reset", "bag"])
def test_a_reset_and_a_bag_that_loops_begin_a_new_odom_frame(watcher: Watcher, start_camera: Start, how: str) -> None:
    start_camera()
    watcher.meet()
    for k in range(5):
        found = watcher.answer(20 * SECOND + k * TENTH, frame(k))
    assert np.linalg.norm(found[:3, 3]) > 0.05
    start_ns = 30 * SECOND
    if how == "reset":
        assert watcher.robot.call("reset", NODE).success
    else:
        start_ns = SECOND
    assert np.allclose(watcher.answer(start_ns, frame(5)), T_BODY_OPTICAL, atol=1e-9)
    assert_near(watcher.answer(start_ns + TENTH, frame(6)), T_BODY_OPTICAL @ moved(5, 6))


@pytest.mark.slow
def test_messages_whose_structure_lies_do_not_stop_it(
    watcher: Watcher, start_camera: Start, lying: Callable[..., dict[str, Any]]
) -> None:
    node = start_camera()
    watcher.watch_pixels()
    watcher.meet()
    random, stamps = np.random.default_rng(0), count(SECOND, TENTH)
    for k in range(60):
        watcher.send(next(stamps), lying(random, frame(k % 10), ("image", "depth")))
        watcher.robot.listen(0.1)
    before = watcher.answer(next(stamps), frame(0))
    assert np.isfinite(before).all()
    watcher.robot.call("reset", NODE)
    first = watcher.answer(next(stamps), frame(0))
    assert np.allclose(first, T_BODY_OPTICAL, atol=1e-9)
    assert_near(watcher.answer(next(stamps), frame(1)), T_BODY_OPTICAL @ moved(0, 1))
    assert node.stop() == 0
