"""Messages out of the types of place recognition."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Point, PoseWithCovarianceStamped
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import Array
from isometry.geometry.covariance import rotated
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import key_values, to_array
from isometry.place_recognition.mapping import MappingStep
from isometry.place_recognition.types import PlaceMatch

KEYFRAMES_SHOWN = 2000
"""Keyframes that the markers show at most."""


def to_match(step: MappingStep, query_stamp_ns: int, map_frame: str, keyframe_stamp_ns: int | None) -> DiagnosticArray:
    """The answer for one scan, accepted or refused; `message` is the reason; the documentation lists the values."""
    match = step.match
    nearest = match.candidate_distances[0] if match.candidate_distances else float("nan")
    of_match = dict(zip(match.candidates, match.candidate_distances, strict=False))
    distance = nearest if match.keyframe is None else of_match.get(match.keyframe, nearest)
    figures: dict[str, object] = {
        "accepted": match.accepted,
        "reason": match.reason,
        "keyframe": -1 if match.keyframe is None else match.keyframe,
        "keyframe_stamp_ns": -1 if keyframe_stamp_ns is None else keyframe_stamp_ns,
        "confidence": float(match.confidence),
        "descriptor_distance": float(distance),
        "candidates": " ".join(str(candidate) for candidate in match.candidates),
        "pose_in_keyframe": _seven(match.T_keyframe_query),
        "rival": -1 if match.rival is None else match.rival,
        "rival_pose": _seven(match.T_map_rival),
        "added_keyframe": -1 if step.keyframe is None else step.keyframe,
        **{f"{stage}_ms": float(seconds) * 1e3 for stage, seconds in match.seconds.items()},
    }
    status = DiagnosticStatus(level=DiagnosticStatus.OK, name="place_recognition: match", message=match.reason)
    status.values = key_values(figures)
    return to_array(status, messages.to_stamp(query_stamp_ns), map_frame)


def _seven(transform: Array | None) -> str:
    """x y z in metres and a quaternion x y z w; empty for no transform."""
    if transform is None:
        return ""
    return " ".join(f"{value:.6f}" for value in messages.pose_numbers(transform))


def to_pose_with_covariance(match: PlaceMatch, stamp_ns: int, map_frame: str) -> PoseWithCovarianceStamped:
    """Pose of the base in the map of an accepted match; the covariance is turned from the keyframe into the map."""
    assert match.T_map_query is not None
    assert match.T_keyframe_query is not None
    assert match.covariance is not None
    R_map_keyframe = match.T_map_query[:3, :3] @ match.T_keyframe_query[:3, :3].T
    message = PoseWithCovarianceStamped()
    message.header.frame_id, message.header.stamp = map_frame, messages.to_stamp(stamp_ns)
    message.pose.pose = messages.to_pose(match.T_map_query)
    message.pose.covariance = rotated(match.covariance, R_map_keyframe).astype(float).reshape(-1)
    return message


def to_markers(T_map_keyframes: Array, matches: Array, map_frame: str, stamp_ns: int) -> MarkerArray:
    """Keyframes (N,4,4) as blue points, accepted matches (M,2,3: query, keyframe, in the map) as green lines.

    Of a long map only every so many-th keyframe is shown.
    """
    every = -(-len(T_map_keyframes) // KEYFRAMES_SHOWN) or 1
    keyframes = _marker("keyframes", Marker.SPHERE_LIST, 0.6, (0.2, 0.5, 1.0), map_frame, stamp_ns)
    keyframes.points = _points(T_map_keyframes[::every, :3, 3])
    lines = _marker("matches", Marker.LINE_LIST, 0.3, (0.2, 0.9, 0.3), map_frame, stamp_ns)
    lines.points = _points(matches.reshape(-1, 3))
    return MarkerArray(markers=[keyframes, lines])


def _marker(
    namespace: str, kind: int, size: float, colour: tuple[float, float, float], frame: str, stamp_ns: int
) -> Marker:
    marker = Marker(ns=namespace, id=0, type=kind, action=Marker.ADD)
    marker.header.frame_id, marker.header.stamp = frame, messages.to_stamp(stamp_ns)
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = size
    marker.color.r, marker.color.g, marker.color.b = colour
    marker.color.a = 1.0
    return marker


def _points(positions: Array) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in positions.tolist()]
