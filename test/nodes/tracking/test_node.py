"""Tracking in its own process, over real DDS: traffic whose every motion is known, seen by a detector or a LiDAR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.tracking.messages import from_detections
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.shapes import box, joined
from isometry.simulation.worlds.town import TownPlan, build_town
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.prediction.predictor import MotionPredictor

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

SECOND = 1_000_000_000
TENTH = SECOND // 10
NODE = "tracking"
CAR, PERSON = (4.2, 1.8, 1.5), (0.6, 0.6, 1.7)
FROM_DETECTIONS = {"input": "detections", "sensor_pose": "identity"}
FROM_POINTS = {"input": "points", "sensor_pose": "identity"}


class Traffic:
    """A car that drives straight, one that turns, a parked one, a pedestrian; all exactly known."""

    labels = ("car", "car", "car", "pedestrian")
    speeds = np.array([8.0, 6.0, 0.0, 1.4])
    yaw_rates = np.array([0.0, 0.25, 0.0, 0.0])
    starts = np.array([[10.0, 4.0, 0.0], [25.0, -12.0, 1.2], [18.0, 8.0, 0.3], [8.0, -6.0, 2.0]])
    sizes = np.array([CAR, CAR, CAR, PERSON])

    def boxes(self, seconds: float) -> Array:
        """Boxes (4,7) in the odometry's frame."""
        yaw = self.starts[:, 2] + self.yaw_rates * seconds
        turns = np.abs(self.yaw_rates) > 0.0
        rate = np.where(turns, self.yaw_rates, 1.0)
        along = np.where(turns, (np.sin(yaw) - np.sin(self.starts[:, 2])) / rate, np.cos(yaw) * seconds)
        across = np.where(turns, (np.cos(self.starts[:, 2]) - np.cos(yaw)) / rate, np.sin(yaw) * seconds)
        xy = self.starts[:, :2] + self.speeds[:, None] * np.column_stack([along, across])
        return np.column_stack([xy, self.sizes[:, 2] / 2.0, self.sizes, yaw])

    def velocities(self, seconds: float) -> Array:
        """(4,2) in the odometry's frame."""
        yaw = self.boxes(seconds)[:, 6]
        velocities: Array = self.speeds[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)])
        return velocities


def own_pose(seconds: float) -> Array:
    """T_odom_base (4,4) of a robot that drives a bend at 5 m/s."""
    yaw = 0.1 * seconds
    return se3.from_planar(50.0 * np.sin(yaw), 50.0 * (1.0 - np.cos(yaw)), yaw)


def as_message(
    boxes: Array, labels: tuple[str, ...], stamp_ns: int, frame: str = "base_link", score: float = 0.9
) -> Detection3DArray:
    """What a detector publishes."""
    array = Detection3DArray(header=Header(stamp=messages.to_stamp(stamp_ns), frame_id=frame))
    for values, label in zip(boxes.tolist(), labels, strict=True):
        x, y, z, length, width, height, yaw = values
        detection = Detection3D(header=array.header)
        position, turn, size = detection.bbox.center.position, detection.bbox.center.orientation, detection.bbox.size
        position.x, position.y, position.z = x, y, z
        turn.z, turn.w = float(np.sin(yaw / 2.0)), float(np.cos(yaw / 2.0))
        size.x, size.y, size.z = length, width, height
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = label, score
        detection.results = [result]
        array.detections.append(detection)
    return array


class Watcher:
    """A robot in traffic that receives all outputs of tracking."""

    def __init__(self, robot: Robot) -> None:
        self.robot, self.traffic = robot, Traffic()
        self.noise = np.random.default_rng(0)
        self.tracks: dict[int, Detection3DArray] = {}
        self.velocities: dict[int, dict[int, Odometry]] = {}
        self.paths: dict[int, Detection3DArray] = {}
        self.shown: set[tuple[str, int]] = set()
        self.markers_stamp_ns = -1
        self.edges: dict[int, Array] = {}
        self.detections: Any = robot.node.create_publisher(Detection3DArray, "detections", reliable())
        subscribe = robot.node.create_subscription
        subscribe(Detection3DArray, "tracks", lambda m: self.tracks.__setitem__(_stamp(m), m), reliable(100))
        subscribe(Odometry, "track_odometry", self._receive_velocity, reliable(1000))
        subscribe(Detection3DArray, "predicted_paths", lambda m: self.paths.__setitem__(_stamp(m), m), reliable(100))
        subscribe(MarkerArray, "markers", self._receive_markers, reliable(100))
        subscribe(TFMessage, "/tf", self._receive_tf, reliable(100))

    def _receive_velocity(self, message: Odometry) -> None:
        number = int(message.child_frame_id.removeprefix("track_"))
        self.velocities.setdefault(_stamp(message), {})[number] = message

    def _receive_markers(self, message: MarkerArray) -> None:
        for marker in message.markers:
            change = self.shown.add if marker.action == Marker.ADD else self.shown.discard
            change((marker.ns, marker.id))
            self.markers_stamp_ns = _stamp(marker)

    def _receive_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            if (stamped.header.frame_id, stamped.child_frame_id) == ("odom", "base_link"):
                self.edges[_stamp(stamped)] = messages.from_transform(stamped.transform)

    def meet(self) -> None:
        """Wait until node and robot have met."""
        robot, topics = self.robot, ("tracks", "track_odometry", "predicted_paths", "markers")
        robot.until(lambda: all(robot.node.count_publishers(topic) for topic in topics))
        robot.until(lambda: self.detections.get_subscription_count() or robot.points.get_subscription_count())
        robot.until(lambda: robot.status.message and robot.tf.get_subscription_count() > 1)

    def detect(self, seconds: float, stamp_ns: int, T_odom_base: Array | None = None) -> Detection3DArray:
        """The message of a good detector that sees all of the traffic from a base."""
        T = own_pose(seconds) if T_odom_base is None else T_odom_base
        boxes = self.traffic.boxes(seconds)
        boxes[:, :2] += self.noise.normal(0.0, 0.03, (len(boxes), 2))
        boxes[:, :3] = se3.apply(se3.inverse(T), boxes[:, :3])
        boxes[:, 6] -= se3.yaw(T)
        return as_message(boxes, self.traffic.labels, stamp_ns)

    def send(self, message: Detection3DArray, T_odom_base: Array | None) -> Detection3DArray:
        """Send detections and, where it is known, where the base is; returns the tracks."""
        stamp_ns = _stamp(message)
        if T_odom_base is not None:
            self.robot.send_odometry(T_odom_base, stamp_ns)
        self.detections.publish(message)
        self.robot.until(lambda: stamp_ns in self.tracks)
        return self.tracks[stamp_ns]

    def jump(self, start_ns: int) -> None:
        """Announce a jump of time: stamps that jump are left out until others follow them."""
        exact = as_message(self.traffic.boxes(0.0), self.traffic.labels, start_ns)
        for before in (2, 1):
            exact.header.stamp = messages.to_stamp(start_ns - before * TENTH)
            self.detections.publish(exact)
            self.robot.send_odometry(own_pose(0.0), start_ns - before * TENTH)
            self.robot.listen(1.0)
        self.tracks.clear()

    def drive(self, steps: int, start_ns: int = 1000 * SECOND, turned: float = 0.0) -> Iterator[Detection3DArray]:
        """Tracks of so many tenths of a second; `turned` is the yaw by which everything is turned in odom."""
        turn = se3.from_planar(0.0, 0.0, turned)
        if self.tracks and not 0 < start_ns - max(self.tracks) < SECOND:
            self.jump(start_ns)
        for k in range(steps):
            stamp_ns = start_ns + k * TENTH
            yield self.send(self.detect(k / 10.0, stamp_ns), turn @ own_pose(k / 10.0))


def _stamp(message: Any) -> int:
    return messages.stamp_ns(message.header.stamp)


def boxes_of(message: Detection3DArray) -> Array:
    """(N,7) in the message's frame."""
    return from_detections(message, np.eye(4), {}).boxes


def matched(message: Detection3DArray, true: Array, within_m: float = 0.6) -> list[int]:
    """The id of the one track at each true box (A,7)."""
    centres = boxes_of(message)[:, :2]
    ids = []
    for x, y in true[:, :2]:
        (near,) = np.flatnonzero(np.linalg.norm(centres - [x, y], axis=1) < within_m)
        ids.append(int(message.detections[near].id))
    return ids


@pytest.fixture
def watcher(robot: Robot) -> Watcher:
    return Watcher(robot)


def test_detections_become_tracks_with_stable_ids_velocities_and_paths(watcher: Watcher, start: Start) -> None:
    node = start(NODE, **FROM_DETECTIONS)
    watcher.meet()
    tracks = list(watcher.drive(30))
    robot, traffic, last_ns = watcher.robot, watcher.traffic, 1000 * SECOND + 29 * TENTH
    ids = matched(tracks[-1], traffic.boxes(2.9))
    assert len(set(ids)) == 4
    for k in range(5, 30):
        assert matched(tracks[k], traffic.boxes(k / 10.0)) == ids
        assert tracks[k].header.frame_id == "odom"
    labels = {int(each.id): each.results[0].hypothesis.class_id for each in tracks[-1].detections}
    assert [labels[number] for number in ids] == ["car", "car", "car", "pedestrian"]

    robot.until(lambda: len(watcher.velocities.get(last_ns, ())) >= 4)
    for number, true in zip(ids, traffic.velocities(2.9), strict=True):
        message = watcher.velocities[last_ns][number]
        R_odom_object = messages.from_pose(message.pose.pose)[:2, :2]
        linear = message.twist.twist.linear
        assert np.linalg.norm(R_odom_object @ [linear.x, linear.y] - true) < 0.4
        covariance = np.array(message.twist.covariance).reshape(6, 6)[:2, :2]
        smallest, largest = np.linalg.eigvalsh(covariance)
        assert largest < 1.0
        assert smallest > 0.0 or not true.any()  # a parked car may be known to be static

    robot.until(lambda: last_ns in watcher.paths)
    path = watcher.paths[last_ns]
    ahead_s = [(_stamp(each) - last_ns) / SECOND for each in path.detections if int(each.id) == ids[0]]
    assert np.allclose(ahead_s, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    straight = boxes_of(path)[[int(each.id) == ids[0] for each in path.detections]]
    assert np.linalg.norm(straight[1, :2] - traffic.boxes(3.9)[0, :2]) < 1.0
    assert {("boxes", number) for number in ids} <= watcher.shown
    assert ("velocities", ids[0]) in watcher.shown
    assert ("velocities", ids[2]) not in watcher.shown  # it is parked
    robot.until(lambda: values_of(robot.status).get("tracks") == "4")
    assert robot.state == "ok"
    figures = values_of(robot.status)
    assert figures["restarts"] == "0"
    predictor = MotionPredictor.load(name=TrackingParameters().prediction)
    assert figures["model"] == predictor.name
    assert figures["model_sha256"] == predictor.sha256
    assert figures["provider"] == "CPUExecutionProvider"
    assert len(figures["memory_model_sha256"]) == 64
    assert node.stop() == 0


def test_turned_traffic_has_the_turned_tracks(watcher: Watcher, start: Start) -> None:
    start(NODE, **FROM_DETECTIONS)
    watcher.meet()
    turned, both = 2.0, []
    for start_ns, yaw in ((1000 * SECOND, 0.0), (2000 * SECOND, turned)):
        watcher.noise = np.random.default_rng(0)
        *_, last = watcher.drive(15, start_ns, yaw)
        boxes = boxes_of(last)
        both.append(boxes[np.argsort(np.linalg.norm(boxes[:, :2], axis=1))])
    plain, after = both
    assert len(plain) == 4
    assert np.allclose(after[:, :2], plain[:, :2] @ se3.from_planar(0.0, 0.0, turned)[:2, :2].T, atol=1e-3)
    assert np.allclose(planar.wrapped(after[:, 6] - plain[:, 6] - turned), 0.0, atol=1e-3)


def test_without_odometry_detections_are_tracked_as_the_robot_sees_them(watcher: Watcher, start: Start) -> None:
    """Tracks are in the base's frame, where static objects approach a robot that drives."""
    start(NODE, odometry="none", **FROM_DETECTIONS)
    watcher.meet()
    for k in range(25):
        last = watcher.send(watcher.detect(k / 10.0, 1000 * SECOND + k * TENTH), None)
    seen = watcher.traffic.boxes(2.4)
    seen[:, :3] = se3.apply(se3.inverse(own_pose(2.4)), seen[:, :3])
    assert last.header.frame_id == "base_link"
    ids = matched(last, seen)
    assert len(set(ids)) == 4
    stamp_ns = 1000 * SECOND + 24 * TENTH
    watcher.robot.until(lambda: ids[2] in watcher.velocities.get(stamp_ns, ()))
    parked = watcher.velocities[stamp_ns][ids[2]]
    relative = messages.from_pose(parked.pose.pose)[:2, :2] @ [parked.twist.twist.linear.x, parked.twist.twist.linear.y]
    assert np.linalg.norm(relative - [-5.0 + 0.1 * seen[2, 1], -0.1 * seen[2, 0]]) < 0.7


def test_detections_of_any_frame_that_tf_knows_and_of_numbered_classes(watcher: Watcher, start: Start) -> None:
    start(NODE, input="detections", class_names="'0=car,3=pedestrian'")
    watcher.meet()
    T_base_radar = se3.from_rotation_translation(Rotation.from_euler("z", 2.5).as_matrix(), np.array([3.0, 1.0, 0.5]))
    stamps = count(1000 * SECOND, TENTH)
    boxes = watcher.traffic.boxes(0.0)[2:]
    boxes[:, :3] = se3.apply(se3.inverse(T_base_radar), boxes[:, :3])
    boxes[:, 6] -= 2.5

    def tracked() -> bool:
        watcher.robot.send_static("base_link", "radar", T_base_radar)
        stamp_ns = next(stamps)
        watcher.robot.send_odometry(np.eye(4), stamp_ns)
        watcher.detections.publish(as_message(boxes, ("0", "3"), stamp_ns, "radar"))
        watcher.robot.listen(0.1)
        return len(watcher.tracks) >= 5

    watcher.robot.until(tracked)
    _, *later = watcher.tracks.values()
    ids = matched(later[-1], watcher.traffic.boxes(0.0)[2:], 0.1)
    assert len(set(ids)) == 2
    for message in later:
        assert matched(message, watcher.traffic.boxes(0.0)[2:], 0.1) == ids
        assert [each.results[0].hypothesis.class_id for each in message.detections] == ["car", "pedestrian"]


def test_time_that_jumps_ends_all_tracks_and_says_so(watcher: Watcher, start: Start) -> None:
    start(NODE, **FROM_DETECTIONS)
    watcher.meet()
    robot = watcher.robot

    def ids(start_ns: int) -> set[int]:
        *_, last = watcher.drive(6, start_ns)
        return {int(each.id) for each in last.detections}

    def last_problem() -> str:
        return values_of(robot.status).get("last_problem", "")

    first = ids(1000 * SECOND)
    back = ids(500 * SECOND)
    robot.until(lambda: "time jumped back by 500.6 s: all tracks have ended" in last_problem())
    assert len(first) == len(back) == 4
    assert not first & back
    later = ids(510 * SECOND)
    robot.until(lambda: "nothing of use came for 9.4 s: all tracks have ended" in last_problem())
    assert not later & (first | back)
    assert {number for _, number in watcher.shown} == later
    robot.until(lambda: values_of(robot.status)["restarts"] == "2" and robot.state in ("ok", "no_input"))


def test_bad_detections_are_named_and_the_good_ones_still_tracked(watcher: Watcher, start: Start) -> None:
    node = start(NODE, most_detections=100, **FROM_DETECTIONS)
    watcher.meet()
    robot, traffic = watcher.robot, watcher.traffic
    *_, last = watcher.drive(6)
    ids = matched(last, traffic.boxes(0.5))
    step = count(6)

    def named(words: tuple[str, ...], extra: Array, score: float = 0.3) -> bool:
        """A good message with bad detections in it: no id changes."""
        k = next(step)
        stamp_ns = 1000 * SECOND + k * TENTH
        message = watcher.detect(k / 10.0, stamp_ns)
        bad = as_message(extra, ("car",) * len(extra), stamp_ns, score=score)
        message.detections = [*message.detections, *bad.detections]
        tracks = watcher.send(message, own_pose(k / 10.0))
        assert matched(tracks, traffic.boxes(k / 10.0)) == ids
        return robot.state == "bad_input" and all(word in robot.status.message for word in words)

    far = np.array([[200.0, 0.0, 0.0, *CAR, 0.0]])
    broken = {
        ("2", "finite"): [far.copy(), far.copy()],
        ("3", "size"): [far * [1, 1, 1, 0, 1, 1, 1]] * 3,
    }
    broken["2", "finite"][0][0, 0], broken["2", "finite"][1][0, 3] = np.nan, np.inf
    for words, boxes in broken.items():
        robot.until(partial(named, words, np.concatenate(boxes)))
    crowd = np.column_stack([np.arange(3000) % 60 * 8.0 + 300.0, np.arange(3000) // 60 * 8.0, np.zeros(3000)])
    thousands = np.column_stack([crowd, np.tile(CAR, (3000, 1)), np.zeros(3000)])
    robot.until(partial(named, ("2904", "beyond the 100 surest"), thousands, 0.1))
    assert node.runs


def test_messages_that_cannot_be_used_are_named_and_left_out(watcher: Watcher, start: Start) -> None:
    node = start(NODE, transform_timeout=0.05, **FROM_DETECTIONS)
    watcher.meet()
    robot = watcher.robot
    *_, last = watcher.drive(6)
    newest_ns, ids = _stamp(last), {each.id for each in last.detections}
    for stamp_ns in (newest_ns, newest_ns - TENTH):

        def named(stamp_ns: int = stamp_ns) -> bool:
            watcher.detections.publish(watcher.detect(0.5, stamp_ns))
            robot.listen(0.1)
            return robot.state == "bad_input" and str(newest_ns) in robot.status.message

        robot.until(named)

    def lost() -> bool:
        watcher.detections.publish(watcher.detect(0.5, newest_ns + 9 * SECOND))  # odometry knows nothing of then
        robot.listen(0.1)
        return robot.state == "no_tf" and "odom" in robot.status.message

    robot.until(lost)
    again = watcher.send(watcher.detect(0.7, newest_ns + 2 * TENTH), own_pose(0.7))
    assert {each.id for each in again.detections} == ids  # none of it did them any harm
    robot.until(lambda: robot.state in ("ok", "no_input"))
    assert node.runs


class Street:
    """A town and a car that drives through it at 7 m/s, as a LiDAR on the robot behind it sees them."""

    T_base_lidar = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 1.7]))

    def __init__(self) -> None:
        self._town = build_town(TownPlan(blocks_x=1), np.random.default_rng(0))
        self._random = np.random.default_rng(1)
        self._lidar = SpinningLidar(beams=48, azimuth_step_deg=0.5)

    def car(self, seconds: float) -> Array:
        """x, y, yaw of the moving car."""
        return np.array([12.0 + 7.0 * seconds, 1.0, 0.0])

    def own_pose(self, seconds: float) -> Array:
        """T_odom_base of the robot, which follows at 5 m/s."""
        return se3.from_planar(5.0 * seconds, -2.0, 0.0)

    def scan(self, seconds: float) -> Array:
        """Points (N,3) in the base frame."""
        x, y, yaw = self.car(seconds)
        mesh = joined([self._town, box((4.4, 1.8, 1.5), (x, y, 0.0), yaw)])
        points = LidarSimulator(mesh, self._lidar).scan(self.own_pose(seconds) @ self.T_base_lidar, self._random)
        return se3.apply(self.T_base_lidar, points.astype(np.float64))


@pytest.mark.parametrize("odometry", ["tf", "none"])
def test_points_become_tracks(watcher: Watcher, start: Start, odometry: str) -> None:
    """The car that drives is one track of its speed; also where odometry is estimated from the points."""
    start(NODE, odometry=odometry, publish_tf=True, **FROM_POINTS)
    watcher.meet()
    street, robot = Street(), watcher.robot
    T_odom_town = np.eye(4) if odometry == "tf" else se3.inverse(street.own_pose(0.0))
    ids = []
    for k in range(18):
        stamp_ns, T = 1000 * SECOND + k * TENTH, street.own_pose(k / 10.0)
        if odometry == "tf":
            robot.send_odometry(T, stamp_ns)
        scan = street.scan(k / 10.0)
        robot.send_points(scan, stamp_ns)
        robot.until(partial(watcher.tracks.get, stamp_ns))
        if k >= 8:
            x, y, _ = street.car(k / 10.0)
            true = (T_odom_town @ [x, y, 0.0, 1.0])[:2]
            away = np.linalg.norm(boxes_of(watcher.tracks[stamp_ns])[:, :2] - true, axis=1)
            assert away.min() < 1.0
            ids.append(int(watcher.tracks[stamp_ns].detections[int(away.argmin())].id))
    assert len(set(ids)) == 1
    robot.until(lambda: ids[0] in watcher.velocities.get(stamp_ns, ()))
    linear = watcher.velocities[stamp_ns][ids[0]].twist.twist.linear
    assert abs(np.hypot(linear.x, linear.y) - 7.0) < 0.7
    robot.until(lambda: stamp_ns in watcher.edges)
    assert np.allclose(watcher.edges[stamp_ns][:2, 3], (T_odom_town @ T)[:2, 3], atol=0.3)


def test_scans_of_a_bag_that_loops_begin_anew(watcher: Watcher, start: Start) -> None:
    """Also the odometry that is followed in them: its frame is the base's at the first scan again."""
    start(NODE, odometry="none", publish_tf=True, **FROM_POINTS)
    watcher.meet()
    street, robot = Street(), watcher.robot
    ids: list[set[str]] = []
    for start_ns, precursors in ((1000 * SECOND, 0), (500 * SECOND, 1), (600 * SECOND, 2)):
        for before in range(precursors, 0, -1):  # stamps that jump are left out until others follow them
            robot.send_points(street.scan(0.0), start_ns - before * TENTH)
            robot.listen(1.0)
        for k in range(3):
            stamp_ns = start_ns + k * TENTH
            robot.send_points(street.scan(k / 10.0), stamp_ns)
            robot.until(partial(watcher.tracks.get, stamp_ns))
            robot.until(partial(watcher.edges.__contains__, stamp_ns))
        ids.append({each.id for each in watcher.tracks[stamp_ns].detections})
        assert np.allclose(watcher.edges[stamp_ns][:2, 3], [1.0, 0.0], atol=0.2)
    assert all(ids)
    assert not ids[0] & ids[1]
    assert not ids[1] & ids[2]
    robot.until(lambda: values_of(robot.status).get("restarts") == "2")
    assert "99.8 s" in values_of(robot.status)["last_problem"]


@pytest.mark.parametrize("odometry", ["tf", "none"])
def test_bad_scans_are_named(watcher: Watcher, start: Start, odometry: str) -> None:
    node = start(NODE, odometry=odometry, **FROM_POINTS)
    watcher.meet()
    robot, stamps = watcher.robot, count(1000 * SECOND, TENTH)

    def named(points: Array) -> bool:
        robot.send_odometry(np.eye(4), stamp_ns := next(stamps))
        robot.send_points(points, stamp_ns)
        robot.listen(0.1)
        return robot.state == "bad_input"

    for points in (np.empty((0, 3)), np.full((500, 3), np.nan)):
        robot.until(partial(named, points))
        assert "finite points" in robot.status.message
    cloud = encode_xyz(np.ones((50, 3)), Header(frame_id="base_link"))
    cloud.fields = cloud.fields[:2]

    def incomplete() -> bool:
        robot.send_odometry(np.eye(4), stamp_ns := next(stamps))
        cloud.header.stamp = messages.to_stamp(stamp_ns)
        robot.points.publish(cloud)
        robot.listen(0.1)
        return "no field 'z'" in robot.status.message

    robot.until(incomplete)
    assert node.runs


def test_a_lifecycle_manager_starts_stops_and_starts_it_again(watcher: Watcher, start: Start) -> None:
    node = start(NODE, autostart=False, **FROM_DETECTIONS)
    robot = watcher.robot
    client: Any = robot.node.create_client(ChangeState, "/tracking/change_state")
    robot.until(client.service_is_ready)

    def change(transition: int) -> None:
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        robot.until(future.done)
        assert future.result().success

    for _ in range(2):
        change(Transition.TRANSITION_CONFIGURE)
        robot.until(lambda: robot.node.count_publishers("tracks"))
        assert not watcher.detections.get_subscription_count()
        change(Transition.TRANSITION_ACTIVATE)
        watcher.meet()
        *_, last = watcher.drive(3)
        assert {each.id for each in last.detections} == {"1", "2", "3", "4"}
        robot.until(lambda: watcher.shown)
        change(Transition.TRANSITION_DEACTIVATE)
        robot.until(lambda: not watcher.detections.get_subscription_count())
        change(Transition.TRANSITION_CLEANUP)
        robot.until(lambda: not watcher.shown and not robot.node.count_publishers("tracks"))
        watcher.tracks.clear()
    assert node.stop() == 0


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"input": "images"}, "input = 'images'"),
        ({"odometry": "wheels"}, "odometry = 'wheels'"),
        ({"class_names": "car"}, "class_names = 'car'"),
        ({"provider": "abacus"}, "provider 'abacus'"),
    ],
)
def test_what_cannot_be_configured_is_named_and_the_node_stays_up(
    robot: Robot, start: Start, parameters: dict[str, Any], words: str
) -> None:
    node = start(NODE, **parameters)
    robot.until(lambda: robot.state == "bad_input")
    assert words in robot.status.message
    assert "\n" not in robot.status.message
    assert node.runs


@pytest.mark.parametrize(
    ("name", "value", "bounds"), [("most_detections", 0, "[1, 100000]"), ("scan.nearest_m", -1.0, "[0.0, 100.0]")]
)
def test_a_parameter_out_of_range_ends_the_node_with_one_line(
    start: Start, name: str, value: float, bounds: str
) -> None:
    node = start(NODE, **{name: value})
    assert node.process.wait(timeout=60.0) == 2
    assert f"parameter {name} is outside {bounds}" in node.log.read_text()
