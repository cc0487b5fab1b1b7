"""The motion of a camera, with depth or alone, as a lifecycle node: images in; odometry, depth and normals out.

All outputs have the stamp of the image. Those of the images' pixels are of an ideal lens in front of the colour camera,
in the frame of the image, and are computed only while somebody subscribes to them.

    odom                   nav_msgs/Odometry          the body's pose and twist with their covariances; it never jumps
    /tf                    odom -> base_link          and map -> odom, which moves when the map has been corrected
    path                   nav_msgs/Path              the keyframes in the map, by all that is known now
    rectified/depth        sensor_msgs/Image          32FC1, metres, NaN where it is not known
    rectified/normals      sensor_msgs/Image          32FC3, unit vectors towards the camera, NaN where none is known
    rectified/camera_info  sensor_msgs/CameraInfo     of both
    rectified/depth_sigma  sensor_msgs/Image          32FC1, metres: standard deviation of a predicted depth
    points                 sensor_msgs/PointCloud2    x, y, z, rgb, organised

In mode mono the depth is that of the network which the parameter depth_model names; without one it is not published.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from isometry.depth_egomotion.depth_model import DepthModel
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.map_file import load_map, save_map
from isometry.depth_egomotion.methods import build
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.types import CameraFrame, EgoMotion, EgoMotionStep
from isometry.geometry.optical import looking_along_x
from isometry.inference import ModelMismatchError, ProviderParameters
from isometry.nodes.depth_egomotion import messages as outputs
from isometry.nodes.depth_egomotion.course import BodyMotion, Course
from isometry.nodes.depth_egomotion.messages import DenseView
from isometry.nodes.depth_egomotion.parameters import DepthEgomotionNodeParameters
from isometry.nodes.depth_egomotion.speed import SpeedInput
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.image_inputs import DEPTH, IMAGE, ImageInputs, ImageSet
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.map_to_odom import MapToOdom
from isometry.nodes.runtime.path import to_serialized_path
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.nodes.runtime.transforms import Transform, TransformError
from isometry.sensing.cameras import Camera
from isometry.sensing.images import decode_colour, decode_depth

PARAMETERS = (("", DepthEgomotionNodeParameters), ("", EgoMotionParameters), ("", ProviderParameters))
OF_DEPTH: dict[str, tuple[type, Callable[[DenseView, Header], Any]]] = {
    "rectified/depth": (Image, outputs.to_depth),
    "rectified/normals": (Image, outputs.to_normals),
    "rectified/camera_info": (CameraInfo, outputs.to_camera_info),
    "points": (PointCloud2, outputs.to_points),
}
"""Outputs of the pixels: the type, and how it is made, by topic."""
OF_PREDICTED_DEPTH = OF_DEPTH | {"rectified/depth_sigma": (Image, outputs.to_depth_sigma)}

BLANK, SAMPLED = 8, 4
"""Grey values from the darkest to the brightest pixel below which an image shows nothing; of each so many-th pixel."""


class Answer(NamedTuple):
    """The result for one image."""

    step: EgoMotionStep
    motion: BodyMotion
    frame: CameraFrame
    body_frame: str
    camera_frame: str
    problem: str  # of an input that is not needed for each image


class DepthEgomotionNode(PerceptionNode[DepthEgomotionNodeParameters]):
    """Brings messages to a method of `isometry.depth_egomotion.methods`, and publishes its results.

    What is wrong with an input is named in /diagnostics, and the node goes on:

    - an input that does not come, or whose stamps never meet those of the others: no_input, sync_starved
    - a depth model whose file or outputs are not of the contract: model_mismatch
    - images that cannot be read, of another size than their camera_info, in another unit, or with nothing in them:
      bad_input; the same image over and over: frozen
    - a motion that nothing in the image holds in some direction, or that could not be found: unconstrained, lost
    - another camera than before: camera_changed; the method starts again, the odometry goes on from the last pose

    When stamps run backwards by more than a second (a bag that loops) the odometry begins anew. `~/reset` does so too;
    `~/save_map` writes the keyframes to the file that the parameter `map_file` names, which may be set at any time.
    """

    LIVE_PARAMETERS = ("map_file",)

    def __init__(self) -> None:
        super().__init__("depth_egomotion", DepthEgomotionNodeParameters, PARAMETERS)
        self._method: EgoMotion | None = None
        self._depth_model: DepthModel | None = None
        self._speed: SpeedInput | None = None
        self._map_to_odom: MapToOdom | None = None

    # Lifecycle.
    def configure(self) -> None:
        """Load the depth network, build the method, then advertise."""
        own = self.own
        of_method = parameters.read(self, EgoMotionParameters)
        if own.depth_model:
            provider = parameters.read(self, ProviderParameters)
            self._depth_model = DepthModel.load(own.depth_model_path, of_method.threads, provider)
        if own.known_map:
            self._method = RgbdEgoMotion(of_method, load_map(Path(own.known_map).expanduser()))
        else:
            scale = self._depth_model if own.scale_by_depth_model else None
            self._method = build(own.method_name, of_method, scale)
        self._begin()
        self._counts: Counter[str] = Counter()
        self._camera_change = ""  # the last one that has not been reported yet
        self._odom = self.advertise(Odometry, "odom", reliable())
        self._path = self.advertise(PathMessage, "path", latched())
        self._shown = OF_DEPTH if own.mode == "rgbd" else OF_PREDICTED_DEPTH if self._depth_model else {}
        self._of_depth = {topic: self.advertise(kind, topic, reliable(2)) for topic, (kind, _) in self._shown.items()}
        self._broadcaster = self.advertise_transforms() if own.publish_tf else None
        self._map_to_odom = MapToOdom(self) if own.publish_map else None
        self.serve("reset", self._reset)
        self.serve("save_map", self._save_map)
        self.repeat(1.0, lambda: self.worker.submit(self._publish_path))

    def cleanup(self) -> None:
        """Give back publishers, services, the method and the network."""
        super().cleanup()
        self._method = self._depth_model = self._map_to_odom = None

    def activate(self) -> None:
        """Subscribe."""
        self._images = ImageInputs(self, {DEPTH: Image} if self.own.mode == "rgbd" else {}, self.enqueue)
        self._speed = SpeedInput(self, "wheel_odometry") if self.own.speed_input == "odometry" else None

    def silence(self) -> State:
        """Which input does not come, or by how much their stamps miss each other."""
        return self._images.silence()

    # Beginnings, on the worker's thread.
    def _begin(self) -> None:
        self._course: Course | None = None
        self._cameras: dict[str, Camera | None] = {}  # at the last image, by the topics of their camera_info
        self._last: Answer | None = None
        self._T_map_odom: Transform | None = None  # as sent last; in a known map not before the camera is found
        self._path_ns = 0  # stamp of the image that the path was last published for
        if self._map_to_odom is not None:
            self._map_to_odom.set(None, "")

    def restart(self) -> None:
        """Begin a new odom frame and a new map."""
        assert self._method is not None
        self._method.reset()
        self._begin()

    def _reset(self) -> str:
        self.restart()
        return "odometry and map start again with the next image"

    def _save_map(self) -> str:
        method, name = self._method, str(self.get_parameter("map_file").value)
        if not name:
            raise ValueError("parameter map_file is empty")
        if not isinstance(method, RgbdEgoMotion):
            raise ValueError(f"the method {self.own.method_name} keeps no map of keyframes")
        path = Path(name).expanduser()
        save_map(path, method.map)
        return f"saved {len(method.map)} keyframes to {path}"

    # One image, on the worker's thread.
    def process(self, message: ImageSet, stamp_ns: int) -> Answer:
        """The motion of the body that carries the camera."""
        assert self._method is not None
        camera_frame = message.header.frame_id
        T_body_camera = self._mount(camera_frame, stamp_ns)
        frame = self._frame(message, stamp_ns)
        problem = ""
        if self._speed is not None:
            speed = self._speed.at(stamp_ns, T_body_camera[:3, 3])
            if speed is None:
                problem = f"{self._speed.topic}: no twists around the stamp of the image, whose length is not known so"
            else:
                frame = replace(frame, speed_mps=speed.mps, speed_sigma_mps=speed.sigma_mps)
        self._start_again_with_another_camera(frame)
        step = self._method.process(frame, stamp_ns)
        if self._course is None:
            self._course = Course(T_body_camera if self.own.base_frame else looking_along_x())
        motion = self._course.add(step, T_body_camera, stamp_ns)
        return Answer(step, motion, frame, self.own.base_frame or camera_frame, camera_frame, problem)

    def _frame(self, message: ImageSet, stamp_ns: int) -> CameraFrame:
        own, camera = self.own, self._images.camera(message)
        colour = decode_colour(message.images[IMAGE])
        if own.mode == "mono":
            return CameraFrame(colour, camera)
        measured = message.images[DEPTH]
        depth = decode_depth(measured, own.depth_unit)
        delay_s = 1e-9 * (messages.stamp_ns(measured.header.stamp) - stamp_ns)
        return CameraFrame(colour, camera, depth, *self._images.depth_camera(message, camera, stamp_ns), delay_s)

    def _mount(self, camera_frame: str, stamp_ns: int) -> Transform:
        """T_body_camera (4,4). Raises TransformError."""
        if not self.own.base_frame:
            return np.eye(4)
        if self.own.sensor_pose == "identity":
            return looking_along_x()
        try:
            return self.sensors.pose(camera_frame, stamp_ns)
        except TransformError as error:
            raise TransformError(f"{error}; an empty base_frame follows the camera itself") from error

    def _start_again_with_another_camera(self, frame: CameraFrame) -> None:
        """Pixels of another camera are not those of the map: the method starts again, the odometry goes on.

        Raises ValueError for images that are not of the new camera; nothing has changed then.
        """
        assert self._method is not None
        before, now = self._cameras, {"camera_info": frame.camera, "depth_camera_info": frame.depth_camera}
        changed = [topic for topic, camera in before.items() if not _same(camera, now[topic])]
        if changed and self._course is not None:
            rectified(frame)
            self._course.start_again(self._method.optimised(), same_map=bool(self.own.known_map))
            self._T_map_odom = None
            self._method.reset()
            self._counts["camera_changes"] += 1
            self._camera_change = f"{' and '.join(changed)} became that of another camera"
            self.get_logger().warning(self._camera_change)
        self._cameras = now

    def publish(self, answer: Answer, stamp_ns: int) -> State:
        """Odometry and TF; where there are subscribers, what the image shows in metres."""
        own, step, motion = self.own, answer.step, answer.motion
        self._odom.publish(outputs.to_odometry(motion, own.odom_frame, answer.body_frame))
        if self._broadcaster is not None:
            self._broadcaster.send(motion.T_odom_body, own.odom_frame, answer.body_frame, stamp_ns)
        self._place_odom(step, motion)
        state = _state(answer)
        try:
            self._publish_depth(answer, stamp_ns)
        except ModelMismatchError as error:
            state = State("model_mismatch", str(error))
        except ValueError as error:
            state = State("bad_input", str(error))
        self.count_published(stamp_ns)
        self._last = answer
        self._counts["keyframes"] += step.keyframe
        self._counts[state.word] += 1
        if step.corrected:
            self._counts[step.corrected] += 1
        return state

    def _place_odom(self, step: EgoMotionStep, motion: BodyMotion) -> None:
        """map -> odom, where it is known and has changed."""
        known = self._T_map_odom is not None or not self.own.known_map or step.state in ("ok", "unconstrained")
        if known and (self._T_map_odom is None or not np.array_equal(self._T_map_odom, motion.T_map_odom)):
            self._T_map_odom = motion.T_map_odom
            if self._map_to_odom is not None:
                self._map_to_odom.set(motion.T_map_odom, self.own.odom_frame)

    def _publish_depth(self, answer: Answer, stamp_ns: int) -> None:
        wanted = [topic for topic, publisher in self._of_depth.items() if publisher.get_subscription_count()]
        if not wanted:
            return
        view = self._dense_view(answer.frame)
        header = Header(frame_id=answer.camera_frame, stamp=messages.to_stamp(stamp_ns))
        for topic in wanted:
            _, made = self._shown[topic]
            self._of_depth[topic].publish(made(view, header))

    def _dense_view(self, frame: CameraFrame) -> DenseView:
        """Depth as it was measured, or as the network predicts it.

        Raises ModelMismatchError and ValueError for what a network gives that is no depth.
        """
        seen = rectified(frame)
        if self._depth_model is None:
            return DenseView(seen)
        height, width = seen.shape
        estimate = self._depth_model.predict(seen.colour, Camera(seen.matrix, width, height))
        return DenseView(replace(seen, depth=estimate.depth), estimate.normals, estimate.sigma)

    def _publish_path(self) -> None:
        """The keyframes, where somebody subscribes and an image has come since the last time."""
        if self._last is None or self._course is None or self._method is None:
            return
        stamp_ns = self._last.motion.stamp_ns
        if stamp_ns != self._path_ns and self._path.get_subscription_count():
            stamps_ns, T_map_body = self._course.keyframes(self._method.optimised())
            self._path.publish(to_serialized_path(T_map_body, stamps_ns.tolist(), self.own.map_frame, stamp_ns))
            self._path_ns = stamp_ns

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """Another camera since the last report; how far the pose can be trusted, and what has happened so far."""
        if self._method is None or self._last is None:
            return State(), {}
        changed = ""
        if self._state.word == "ok":  # else another state is reported now, and this one later
            changed, self._camera_change = self._camera_change, ""
        step, motion, counts = self._last.step, self._last.motion, self._counts
        figures = {
            "method": self._method.name,
            "keyframes": counts["keyframes"],
            "loops": counts["loop"],
            "found_again": counts["found again"],
            "lost": counts["lost"],
            "unconstrained": counts["unconstrained"],
            "frozen": counts["frozen"],
            "nothing_in_image": counts["bad_input"],
            "camera_changes": counts["camera_changes"],
            "method_ms": step.seconds * 1e3,
            "speed_mps": float(np.linalg.norm(motion.twist[:3])),
            "sigma_m": float(np.sqrt(np.linalg.eigvalsh(motion.covariance[:3, :3])[-1])),
            "sigma_deg": float(np.degrees(np.sqrt(np.linalg.eigvalsh(motion.covariance[3:, 3:])[-1]))),
            "sigma_scale": float(step.scale_sigma),
            "correction_m": float(np.linalg.norm(motion.T_map_odom[:3, 3])),
            **_figures_of(self._depth_model),
        }
        return (State("camera_changed", changed) if changed else State()), figures


def _state(answer: Answer) -> State:
    """That of the method; a covered lens is told even where the depth alone is enough to follow the camera."""
    shown = answer.frame.colour[::SAMPLED, ::SAMPLED]
    if answer.step.state == "ok" and np.ptp(shown) < BLANK:
        return State("bad_input", "the image is black or blank; the motion is found by the depth alone")
    if answer.step.state == "ok" and answer.problem:
        return State("no_input", answer.problem)
    return State(answer.step.state, answer.step.reason)


def _figures_of(model: DepthModel | None) -> dict[str, object]:
    if model is None:
        return {}
    return {"provider": model.model.provider, "model": model.name, "model_sha256": model.sha256}


def _same(one: Camera | None, other: Camera | None) -> bool:
    return one is other if one is None or other is None else one.same_as(other)


def main() -> int:
    """Entry point `depth_egomotion_node`."""
    return run(DepthEgomotionNode)


if __name__ == "__main__":
    sys.exit(main())
