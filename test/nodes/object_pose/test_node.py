"""The node of object poses in its own process, over real DDS: rendered images of objects whose poses are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open3d
import pytest
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2D, Detection2DArray, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import AnyArray, Array, Flags
from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.object_pose.mesh import ObjectMesh, prepare
from isometry.object_pose.rendering import Renderer
from isometry.sensing.cameras import Camera
from isometry.simulation.objects import bracket, finer
from isometry.simulation.worlds.shapes import box

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

SECOND = 1_000_000_000
REGISTERED = ("image", "depth", "camera_info", "depth_camera_info")
FROM_LABELS = {"input": "labels", "class_names": "'1=carton,2=bracket'"}
MATRIX = np.array([[520.0, 0.0, 320.0], [0.0, 520.0, 240.0], [0.0, 0.0, 1.0]])
COLOUR = Camera(MATRIX, 640, 480)
BENT = Camera(MATRIX, 640, 480, "plumb_bob", (-0.25, 0.08, 0.001, -0.002, 0.0))
DEPTH = Camera(np.array([[460.0, 0.0, 330.0], [0.0, 460.0, 235.0], [0.0, 0.0, 1.0]]), 640, 480)
T_COLOUR_DEPTH = se3.from_rotation_translation(
    Rotation.from_euler("xyz", [0.5, -1.0, 0.7], degrees=True).as_matrix(), np.array([0.03, 0.004, -0.002])
)
WALL_M = 1.2
POSES = {
    "carton": se3.from_rotation_translation(Rotation.random(random_state=1).as_matrix(), np.array([-0.15, 0.02, 0.7])),
    "bracket": se3.from_rotation_translation(
        Rotation.random(random_state=5).as_matrix(), np.array([0.14, -0.04, 0.75])
    ),
}
"""T_colour_object."""
ENCODINGS = {np.dtype(np.uint8): "mono8", np.dtype("<u2"): "16UC1", np.dtype("<f4"): "32FC1"}


def meshes() -> dict[str, ObjectMesh]:
    made = {}
    for name, shape in (("carton", box((0.06, 0.1, 0.16), (0.0, 0.0, -0.08))), ("bracket", bracket())):
        fine = finer(shape)
        waves = np.sin(fine.vertices @ np.array([[90.0, -50.0, 70.0], [40.0, 110.0, -60.0]]).T)
        colours = np.clip(0.5 + 0.4 * np.column_stack([waves, waves.sum(axis=1)]), 0.0, 1.0)
        made[name] = prepare(fine.vertices, fine.triangles, colours)
    return made


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of both meshes."""
    folder = tmp_path_factory.mktemp("objects")
    for name, mesh in meshes().items():
        written = open3d.geometry.TriangleMesh(
            open3d.utility.Vector3dVector(mesh.vertices), open3d.utility.Vector3iVector(mesh.faces.astype(np.int32))
        )
        assert mesh.colours is not None
        written.vertex_colors = open3d.utility.Vector3dVector(mesh.colours)
        open3d.io.write_triangle_mesh(folder / f"{name}.ply", written)
    return folder


def rays_of(camera: Camera) -> Array:
    """Rays (H*W,3) with z = 1 through the pixels of a camera with a lens: its model, inverted by fixed points."""
    v, u = np.mgrid[: camera.height, : camera.width].reshape(2, -1).astype(np.float64)
    x, y = (u - camera.matrix[0, 2]) / camera.matrix[0, 0], (v - camera.matrix[1, 2]) / camera.matrix[1, 1]
    straight_x, straight_y = x.copy(), y.copy()
    for _ in range(30):
        bent_x, bent_y = camera.distorted(straight_x, straight_y)
        straight_x, straight_y = straight_x + x - bent_x, straight_y + y - bent_y
    return np.column_stack([straight_x, straight_y, np.ones(len(x))])


class Shot:
    """What a camera sees: colour (H,W,3), depth (H,W) in metres, and the pixels of each object."""

    def __init__(self, camera: Camera, T_camera_colour: Array, seen: Sequence[str] = tuple(POSES)) -> None:
        self.camera = camera
        rays, shape = rays_of(camera), (camera.height, camera.width)
        depth, colours = np.full(len(rays), WALL_M), np.full((len(rays), 3), 0.4)
        self.masks: dict[str, Flags] = {}
        for name, mesh in meshes().items():
            if name in seen:
                view = Renderer(mesh).view(T_camera_colour @ POSES[name], rays)
                shade = np.clip(0.55 + 0.45 * -view.normals[:, 2:], 0.0, 1.0)
                depth[view.silhouette] = view.depth[view.silhouette]
                colours[view.silhouette] = (view.colours * shade)[view.silhouette]
                self.masks[name] = view.silhouette.reshape(shape)
        noise = np.random.default_rng(0).normal(0.0, 0.001, len(depth))
        self.depth: Array = (depth + noise).reshape(shape)
        self.colour = np.round(255.0 * colours).astype(np.uint8).reshape(*shape, 3)

    @property
    def labels(self) -> AnyArray:
        """1 is the carton, 2 the bracket."""
        image = np.zeros(self.depth.shape, np.uint8)
        for label, name in enumerate(POSES, 1):
            if name in self.masks:
                image[self.masks[name]] = label
        return image

    def boxes(self, margin: float = 4.0) -> Detection2DArray:
        """What a detector publishes."""
        array = Detection2DArray()
        for name, mask in self.masks.items():
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            detection = Detection2D()
            detection.bbox.center.position.x = 0.5 * float(columns[0] + columns[-1])
            detection.bbox.center.position.y = 0.5 * float(rows[0] + rows[-1])
            detection.bbox.size_x = float(np.ptp(columns)) + 2.0 * margin
            detection.bbox.size_y = float(np.ptp(rows)) + 2.0 * margin
            result = ObjectHypothesisWithPose()
            result.hypothesis.class_id, result.hypothesis.score = name, 0.9
            detection.results = [result]
            array.detections.append(detection)
        return array


def to_image(pixels: AnyArray, encoding: str = "") -> Image:
    height, width = pixels.shape[:2]
    known = encoding or ("rgb8" if pixels.ndim == 3 else ENCODINGS[pixels.dtype])
    step = width * pixels.itemsize * (3 if pixels.ndim == 3 else 1)
    return Image(height=height, width=width, encoding=known, step=step, data=pixels.tobytes())


def to_info(camera: Camera) -> CameraInfo:
    info = CameraInfo(width=camera.width, height=camera.height, distortion_model=camera.model)
    info.k, info.d = camera.matrix.ravel(), list(camera.distortion)
    return info


class Watcher:
    """A robot with both cameras and a detector, that receives all outputs of the node."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        create, subscribe = robot.node.create_publisher, robot.node.create_subscription
        kinds = {"image": Image, "depth": Image, "camera_info": CameraInfo, "depth_camera_info": CameraInfo}
        kinds |= {"detections": Detection2DArray, "labels": Image}
        self.publishers: dict[str, Any] = {topic: create(kind, topic, reliable()) for topic, kind in kinds.items()}
        self.objects: dict[int, Detection3DArray] = {}
        self.frames: dict[tuple[int, str], tuple[str, Array]] = {}
        self.markers: list[MarkerArray] = []
        self.overlays: list[Image] = []
        subscribe(Detection3DArray, "objects", lambda m: self.objects.__setitem__(stamp_of(m), m), reliable(100))
        subscribe(MarkerArray, "markers", self.markers.append, reliable(100))
        subscribe(Image, "overlay", self.overlays.append, reliable(100))
        subscribe(TFMessage, "/tf", self._receive_tf, reliable(100))

    def _receive_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            pose = stamped.header.frame_id, messages.from_transform(stamped.transform)
            self.frames[stamp_of(stamped), stamped.child_frame_id] = pose

    def meet(self, topics: Sequence[str]) -> None:
        """Wait until node and robot have met."""
        robot = self.robot
        robot.until(lambda: all(self.publishers[topic].get_subscription_count() for topic in topics))
        robot.until(lambda: all(robot.node.count_publishers(topic) for topic in ("objects", "markers", "overlay")))
        robot.until(lambda: robot.status.message)

    def send(self, stamp_ns: int, sent: dict[str, Any], frames: dict[str, str] | None = None) -> None:
        """Publish messages by topic with a stamp; all are of the frame `camera`, or as `frames` says by topic."""
        for topic, message in sent.items():
            frame = (frames or {}).get(topic, "camera")
            message.header = Header(stamp=messages.to_stamp(stamp_ns), frame_id=frame)
            self.publishers[topic].publish(message)

    def answer(self, stamp_ns: int) -> Detection3DArray:
        self.robot.until(lambda: stamp_ns in self.objects)
        return self.objects[stamp_ns]


def stamp_of(message: Any) -> int:
    return messages.stamp_ns(message.header.stamp)


def infos(colour: Camera, depth: Camera) -> dict[str, Any]:
    return {"camera_info": to_info(colour), "depth_camera_info": to_info(depth)}


@pytest.fixture
def watcher(robot: Robot) -> Watcher:
    return Watcher(robot)


@pytest.fixture
def start_objects(start: Callable[..., Any], objects: Path) -> Callable[..., Any]:
    """Starts the node with both objects, in a way that loses no message."""
    topics = ("image", "depth", "camera_info", "depth_camera_info", "labels")
    lossless = {f"qos_overrides./{topic}.subscription.reliability": "reliable" for topic in topics}
    return lambda **parameters: start(
        "object_pose", **{"objects": objects, "time_limit": 60.0, **lossless, **parameters}
    )


def assert_right(found: dict[str, Array], T_frame_camera: Array, degrees: float = 4.0, metres: float = 0.006) -> None:
    assert set(found) == {"carton_1", "bracket_1"}
    for name, T_frame_object in found.items():
        off_m, off = se3.distance(T_frame_object, T_frame_camera @ POSES[name.removesuffix("_1")])
        assert np.degrees(off) < degrees, name
        assert off_m < metres, name


def poses_of(message: Any) -> dict[str, Array]:
    return {each.id: messages.from_pose(each.results[0].pose.pose) for each in message.detections}


@pytest.fixture(scope="module")
def shot() -> Shot:
    return Shot(COLOUR, np.eye(4))


def frame(shot: Shot, millimetres: bool = True) -> dict[str, Any]:
    """Messages of a depth camera that is registered to the colour camera, and a label image."""
    depth = np.round(1000.0 * shot.depth).astype("<u2") if millimetres else shot.depth.astype("<f4")
    images = {"image": to_image(shot.colour), "depth": to_image(depth), "labels": to_image(shot.labels)}
    return {**infos(COLOUR, COLOUR), **images}


def test_labelled_objects_get_poses_frames_markers_and_an_overlay(
    watcher: Watcher, start_objects: Start, shot: Shot
) -> None:
    node = start_objects(**FROM_LABELS)
    watcher.meet([*REGISTERED, "labels"])
    first_ns = 1000 * SECOND
    for stamp_ns in (first_ns, first_ns + SECOND):
        watcher.send(stamp_ns, frame(shot, millimetres=stamp_ns == first_ns))
        message = watcher.answer(stamp_ns)
        assert message.header.frame_id == "camera"
        assert_right(poses_of(message), np.eye(4))
    robot = watcher.robot
    robot.until(lambda: (stamp_ns, "bracket_1") in watcher.frames)
    assert {frame for frame, _ in watcher.frames.values()} == {"camera"}
    assert_right({name: watcher.frames[stamp_ns, name][1] for name in ("carton_1", "bracket_1")}, np.eye(4))

    (carton,) = (each for each in message.detections if each.id == "carton_1")
    result = carton.results[0]
    assert result.hypothesis.class_id == "carton"
    assert 0.5 < result.hypothesis.score <= 1.0
    covariance = np.array(result.pose.covariance).reshape(6, 6)
    assert 0.0 < np.linalg.eigvalsh(covariance).min() < np.linalg.eigvalsh(covariance).max() < 0.1
    assert np.allclose([carton.bbox.size.x, carton.bbox.size.y, carton.bbox.size.z], [0.06, 0.1, 0.16], atol=1e-3)
    middle = carton.bbox.center.position
    assert np.allclose([middle.x, middle.y, middle.z], POSES["carton"][:3, 3], atol=0.006)

    robot.until(lambda: len(watcher.markers) > 1 and len(watcher.overlays) > 1)
    shown = {(marker.ns, marker.id): marker for marker in watcher.markers[-1].markers}
    assert shown["carton", 1].type == Marker.TRIANGLE_LIST
    assert len(shown["carton", 1].points) == len(shown["carton", 1].colors) > 30
    overlay = np.frombuffer(watcher.overlays[-1].data, np.uint8).reshape(480, 640, 3)
    changed = (overlay != shot.colour).any(axis=2)
    assert (changed & shot.masks["carton"]).sum() > 0.9 * shot.masks["carton"].sum()

    robot.until(lambda: "carton_1" in values_of(robot.status).get("objects", ""))
    assert robot.state == "ok"
    figures = values_of(robot.status)
    assert figures["known_objects"] == "bracket carton"
    assert figures["estimator"] == "baseline, standing"
    assert node.stop() == 0


def test_boxes_bent_lenses_and_a_depth_camera_of_its_own(watcher: Watcher, start_objects: Start) -> None:
    """Poses in odom, where the camera is known by TF; the depth camera's place is on TF as well."""
    start_objects(output_frame="odom")
    watcher.meet([*REGISTERED, "detections"])
    robot = watcher.robot
    T_odom_camera = se3.from_planar(2.0, -1.0, 0.7)
    colour, depth = Shot(BENT, np.eye(4)), Shot(DEPTH, se3.inverse(T_COLOUR_DEPTH))
    sent = {
        **infos(BENT, DEPTH),
        "image": to_image(colour.colour[..., ::-1].copy(), "bgr8"),
        "depth": to_image(depth.depth.astype("<f4")),
        "detections": colour.boxes(),
    }
    stamp_ns = 1000 * SECOND

    def answered() -> bool:
        nonlocal stamp_ns
        stamp_ns += SECOND
        robot.send_static("odom", "camera", T_odom_camera)
        robot.send_static("camera", "depth_camera", T_COLOUR_DEPTH)
        watcher.send(stamp_ns, sent, {"depth": "depth_camera", "depth_camera_info": "depth_camera"})
        robot.listen(3.0)
        return stamp_ns in watcher.objects

    robot.until(answered)
    message = watcher.objects[stamp_ns]
    assert message.header.frame_id == "odom"
    assert_right(poses_of(message), T_odom_camera, degrees=5.0, metres=0.008)


@pytest.mark.slow
def test_objects_are_found_without_a_detector_and_it_is_said_when_none_is(
    watcher: Watcher, start_objects: Start, shot: Shot
) -> None:
    start_objects(input="none")
    watcher.meet(REGISTERED)
    empty, stamp_ns = frame(Shot(COLOUR, np.eye(4), seen=())), 1000 * SECOND

    def nothing_found() -> bool:
        nonlocal stamp_ns
        stamp_ns += SECOND
        watcher.send(stamp_ns, {name: empty[name] for name in REGISTERED})
        watcher.robot.listen(1.0)
        return watcher.robot.state == "no_pose" and stamp_ns in watcher.objects

    watcher.robot.until(nothing_found)
    assert not watcher.objects[stamp_ns].detections
    assert "none of the known objects" in watcher.robot.status.message
    sent = frame(shot)
    watcher.send(stamp_ns + SECOND, {name: sent[name] for name in REGISTERED})
    assert_right(poses_of(watcher.answer(stamp_ns + SECOND)), np.eye(4))


def test_bad_input_is_a_named_state_and_the_node_goes_on(watcher: Watcher, start_objects: Start, shot: Shot) -> None:
    node = start_objects(**FROM_LABELS)
    watcher.meet([*REGISTERED, "labels"])
    robot, stamp_ns = watcher.robot, 1000 * SECOND

    def reported(state: str, said: str) -> bool:
        return bool(robot.state == state and said in robot.status.message)

    good = frame(shot)
    robot.until(lambda: reported("no_input", "camera_info is published by"))
    for name in ("camera_info", "depth_camera_info", "image", "depth"):
        watcher.send(stamp_ns, {name: good[name]})

    def starved(topic: str, apart_ns: int) -> None:
        nonlocal stamp_ns
        stamp_ns += SECOND
        for name in ("image", "depth", "labels"):
            watcher.send(stamp_ns + (apart_ns if name == topic else 0), {name: good[name]})
        robot.listen(0.3)

    def until_starved() -> bool:
        starved("depth", SECOND // 4)
        return reported("sync_starved", "depth is 0.25 s from the nearest image")

    robot.until(until_starved)
    assert watcher.objects == {}

    def names_problem(changed: dict[str, Any], said: str, state: str = "bad_input") -> None:
        nonlocal stamp_ns
        stamp_ns += SECOND
        watcher.send(stamp_ns, {**good, **changed})
        robot.until(lambda: reported(state, said))

    metres = shot.depth.astype("<f4")
    names_problem({"depth": to_image((1000.0 * metres).astype("<f4"))}, "such as millimetres?")
    names_problem({"depth": to_image(0.0 * metres)}, "no pixel of the depth image was measured")
    names_problem({"labels": to_image(shot.labels[::2, ::2].copy())}, "label image is 320x240, and the colour image")
    names_problem({"image": to_image(shot.colour[::2].copy())}, "colour image is 640x240, and its camera_info is")
    names_problem({"image": to_image(shot.colour, "yuv422")}, "encoding 'yuv422'")
    names_problem({"labels": to_image((9 * (shot.labels > 0)).astype(np.uint8))}, "no mesh of that name", "no_pose")
    holes = np.where(shot.labels > 0, 0.0, metres).astype("<f4")
    names_problem({"depth": to_image(holes)}, "too little depth was measured on it", "no_pose")

    stamp_ns += SECOND
    watcher.send(stamp_ns, good)
    assert_right(poses_of(watcher.answer(stamp_ns)), np.eye(4))
    stamp_ns += SECOND
    watcher.send(stamp_ns, {**good, "labels": to_image(0 * shot.labels)})
    assert_right(poses_of(watcher.answer(stamp_ns)), np.eye(4))  # they are followed without labels
    robot.until(lambda: robot.state == "ok")
    robot.until(lambda: reported("no_input", "nothing arrives"))
    assert node.runs
    assert stamp_of(watcher.objects[stamp_ns]) == stamp_ns


def test_a_folder_that_cannot_be_used_is_named(watcher: Watcher, start_objects: Start, tmp_path: Path) -> None:
    node = start_objects(objects=tmp_path / "none")
    robot = watcher.robot
    robot.until(lambda: robot.state == "bad_input" and "no such folder" in robot.status.message)
    assert node.runs


@pytest.mark.slow
def test_messages_whose_structure_lies_do_not_stop_it(
    watcher: Watcher, start_objects: Start, shot: Shot, lying: Callable[..., dict[str, Any]]
) -> None:
    node = start_objects(time_limit=0.1, **FROM_LABELS)
    watcher.meet([*REGISTERED, "labels"])
    random, good, stamp_ns = np.random.default_rng(0), frame(shot), 1000 * SECOND
    for _ in range(40):
        stamp_ns += SECOND
        watcher.send(stamp_ns, lying(random, good, ("image", "depth", "labels")))
        watcher.robot.listen(0.2)

    def right_again() -> bool:
        nonlocal stamp_ns
        stamp_ns += SECOND
        watcher.send(stamp_ns, good)
        watcher.robot.listen(2.0)
        return len(watcher.objects[stamp_ns].detections) > 0 if stamp_ns in watcher.objects else False

    watcher.robot.until(right_again)
    for name, pose in poses_of(watcher.objects[stamp_ns]).items():
        assert se3.distance(pose, POSES[name.rsplit("_", 1)[0]])[0] < 0.006
    assert node.stop() == 0


def test_boxes_that_cannot_be_used_do_not_hide_the_others(watcher: Watcher, start_objects: Start, shot: Shot) -> None:
    start_objects(most_detections=3)
    watcher.meet([*REGISTERED, "detections"])
    boxes = shot.boxes()
    lost, low = deepcopy(boxes.detections[0]), deepcopy(boxes.detections[0])
    lost.bbox.center.position.x, lost.results[0].hypothesis.score = float("nan"), 1.0
    low.results[0].hypothesis.score = 0.1
    boxes.detections = [low, lost, *boxes.detections]
    sent = {topic: message for topic, message in frame(shot).items() if topic != "labels"}
    watcher.send(1000 * SECOND, {**sent, "detections": boxes})
    assert_right(poses_of(watcher.answer(1000 * SECOND)), np.eye(4), degrees=6.0, metres=0.01)
    watcher.robot.until(lambda: "bad_box 1, too_many 1" in values_of(watcher.robot.status)["refused_by_reason"])
