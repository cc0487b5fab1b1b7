"""Messages to and from the types of tracking."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np
from geometry_msgs.msg import Point
from nav_msgs.msg import Odometry
from std_msgs.msg import Header
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.nodes.runtime import messages
from isometry.tracking.detection.detector_models import UNSCORED
from isometry.tracking.types import PATH_STEP_S, Detections, Track

Shown = frozenset[tuple[str, int]]  # namespace and id of markers

UNKNOWN = "unknown"  # class of what no detector has named
GOLDEN = 0.5 * (5.0**0.5 - 1.0)  # hues that many turns apart differ most, however many there are
STILL_MPS = 0.3  # slower objects get no arrow
ARROW_S = 1.0  # an arrow ends where the object will be then


# In.
def from_detections(message: Detection3DArray, T_base_message: Array, names: Mapping[str, str]) -> Detections:
    """The detections of a message in the base frame; `T_base_message` (4,4) is where the message's frame is in it.

    Of several hypotheses the one of the highest score counts. A box without any is of the class "unknown" and has the
    score `UNSCORED`. Tilted boxes are taken by their yaw in the base frame, which is that of their x axis. Orientations
    without length, like other numbers that are not finite, leave a NaN in the box. `names` are classes by class id.
    """
    count = len(message.detections)
    poses, sizes, scores = np.empty((count, 7)), np.empty((count, 3)), np.empty(count)
    labels = []
    for k, detection in enumerate(message.detections):
        centre, turn, size = detection.bbox.center.position, detection.bbox.center.orientation, detection.bbox.size
        poses[k] = centre.x, centre.y, centre.z, turn.x, turn.y, turn.z, turn.w
        sizes[k] = size.x, size.y, size.z
        hypotheses = [result.hypothesis for result in detection.results]
        best = max(hypotheses, key=lambda hypothesis: hypothesis.score, default=None)
        scores[k] = UNSCORED if best is None else best.score
        labels.append(UNKNOWN if best is None else names.get(best.class_id, best.class_id) or UNKNOWN)
    boxes = np.empty((count, 7))
    boxes[:, :3] = poses[:, :3] @ T_base_message[:3, :3].T + T_base_message[:3, 3]
    boxes[:, 3:6] = sizes
    forward = _x_axes(poses[:, 3:]) @ T_base_message[:3, :3].T
    boxes[:, 6] = np.arctan2(forward[:, 1], forward[:, 0])
    return Detections(boxes, scores, tuple(labels))


def _x_axes(quaternions: Array) -> Array:
    """The x axis (N,3) turned by quaternions (N,4; x, y, z, w) of any length; NaN for those without length."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    return np.stack([1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)], axis=1)


def frame_of(message: Detection3DArray) -> str:
    """The frame of a message's detections: that of its header, else that of the first detection."""
    frame: str = message.header.frame_id
    return frame or (message.detections[0].header.frame_id if message.detections else "")


# Out.
def to_tracks(tracks: tuple[Track, ...], header: Header) -> Detection3DArray:
    """Tracks as 3D detections with ids. The covariance of a pose has x and y; what is not estimated is 0."""
    array = Detection3DArray(header=header)
    array.detections = [_detection(track, header, track.box, track.covariance[:2, :2]) for track in tracks]
    return array


def to_predicted_paths(tracks: tuple[Track, ...], header: Header, stamp_ns: int, step_s: float) -> Detection3DArray:
    """Where tracks will be: for each track and instant one detection, whose own header has the instant as its stamp.

    `step_s` is from one instant to the next; ids and covariances are as in `to_tracks`. A box keeps its height above
    ground, and points along the path where it moves.
    """
    every = max(1, round(step_s / PATH_STEP_S))
    array = Detection3DArray(header=header)
    headers: dict[int, Header] = {}
    for track in tracks:
        steps = range(every - 1, len(track.path), every)
        headings = path_headings(track)
        for k in steps:
            if k not in headers:
                ahead_ns = stamp_ns + round((k + 1) * PATH_STEP_S * 1e9)
                headers[k] = Header(frame_id=header.frame_id, stamp=messages.to_stamp(ahead_ns))
            box = np.array([*track.path[k], *track.box[2:6], headings[k]])
            array.detections.append(_detection(track, headers[k], box, track.path_covariances[k]))
    return array


def path_headings(track: Track) -> Array:
    """Yaw (K,) along a predicted path; the box's own where the path does not move."""
    steps = np.diff(np.concatenate([track.box[None, :2], track.path]), axis=0)
    moves = np.linalg.norm(steps, axis=1) > STILL_MPS * PATH_STEP_S
    return np.where(moves, np.arctan2(steps[:, 1], steps[:, 0]), track.box[6])


def _detection(track: Track, header: Header, box: Array, covariance: Array) -> Detection3D:
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = track.label, float(track.confidence)
    detection = Detection3D(header=header, results=[result], id=str(track.id))
    messages.fill_pose(detection.bbox.center, _pose_numbers(box))
    result.pose.pose = detection.bbox.center
    result.pose.covariance = _covariance(covariance)
    size = detection.bbox.size
    size.x, size.y, size.z = box[3:6].tolist()
    return detection


def to_odometry(track: Track, header: Header) -> Odometry:
    """Pose and velocity of a track, as REP 105 has it for robots: the twist is along the axes of the object itself.

    The child frame is `track_<id>`. Covariances of what is not estimated are 0.
    """
    odometry = Odometry(header=header, child_frame_id=f"track_{track.id}")
    messages.fill_pose(odometry.pose.pose, _pose_numbers(track.box))
    odometry.pose.covariance = _covariance(track.covariance[:2, :2])
    R_object_odom = planar.rotations(track.box[6]).T
    linear = odometry.twist.twist.linear
    linear.x, linear.y = (R_object_odom @ track.velocity).tolist()
    odometry.twist.twist.angular.z = float(track.yaw_rate)
    odometry.twist.covariance = _covariance(R_object_odom @ track.covariance[2:, 2:] @ R_object_odom.T)
    return odometry


def _pose_numbers(box: Array) -> list[float]:
    half = 0.5 * float(box[6])
    return [*box[:3].tolist(), 0.0, 0.0, float(np.sin(half)), float(np.cos(half))]


def _covariance(of_x_y: Array) -> Array:
    full = np.zeros(36)
    full[[0, 1, 6, 7]] = of_x_y.ravel()
    return full


def to_markers(tracks: tuple[Track, ...], header: Header, shown: Shown) -> tuple[MarkerArray, Shown]:
    """Boxes, velocity arrows, names and predicted paths, each with its track's id and in its colour; what is shown now.

    Markers of the message before (`shown`) that are gone now are deleted. A box that is not seen at the
    moment is paler.
    """
    markers = [marker for track in tracks for marker in _of_track(track, header)]
    now = frozenset((marker.ns, marker.id) for marker in markers)
    gone = [Marker(header=header, ns=ns, id=number, action=Marker.DELETE) for ns, number in sorted(shown - now)]
    return MarkerArray(markers=gone + markers), now


def _of_track(track: Track, header: Header) -> list[Marker]:
    x, y, z = track.box[:3].tolist()
    height = float(track.box[5])
    box = _marker("boxes", Marker.CUBE, track, header, alpha=0.6 if track.unseen_s == 0.0 else 0.25)
    messages.fill_pose(box.pose, _pose_numbers(track.box))
    box.scale.x, box.scale.y, box.scale.z = track.box[3:6].tolist()
    speed = float(np.linalg.norm(track.velocity))
    name = _marker("names", Marker.TEXT_VIEW_FACING, track, header)
    name.pose.position.x, name.pose.position.y, name.pose.position.z = x, y, z + 0.5 * height + 0.8
    name.scale.z = 0.8
    name.text = f"{track.label} {track.id}" + (f", {speed:.1f} m/s" if speed >= STILL_MPS else "")
    markers = [box, name]
    if speed >= STILL_MPS:
        arrow = _marker("velocities", Marker.ARROW, track, header)
        tip = track.box[:2] + ARROW_S * track.velocity
        arrow.points = [Point(x=x, y=y, z=z), Point(x=float(tip[0]), y=float(tip[1]), z=z)]
        arrow.scale.x, arrow.scale.y = 0.15, 0.4
        markers.append(arrow)
        if len(track.path):
            line = _marker("predicted_paths", Marker.LINE_STRIP, track, header)
            line.points = [Point(x=a, y=b, z=z) for a, b in [(x, y), *track.path.tolist()]]
            line.scale.x = 0.12
            markers.append(line)
    return markers


def _marker(namespace: str, kind: int, track: Track, header: Header, alpha: float = 1.0) -> Marker:
    # ids of markers have 32 bits
    marker = Marker(header=header, ns=namespace, id=track.id % 2**31, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.color.r, marker.color.g, marker.color.b = colorsys.hsv_to_rgb(track.id * GOLDEN % 1.0, 0.7, 1.0)
    marker.color.a = alpha
    return marker
