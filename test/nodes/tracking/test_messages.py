"""Messages to and from the types of tracking."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.tracking import messages as convert
from isometry.nodes.tracking.parameters import TrackingNodeParameters
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS, Track

SECOND = 1_000_000_000
HEADER = Header(frame_id="odom", stamp=messages.to_stamp(5 * SECOND))


def detection(T: Array, size: tuple[float, float, float] = (4.0, 2.0, 1.5), **scores: float) -> Detection3D:
    """A box at T (4,4), with a score for each of its classes."""
    message = Detection3D()
    message.bbox.center = messages.to_pose(T)
    message.bbox.size.x, message.bbox.size.y, message.bbox.size.z = size
    for class_id, score in scores.items():
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = class_id, score
        message.results.append(result)
    return message


def track(number: int, velocity: tuple[float, float] = (3.0, 4.0), unseen_s: float = 0.0) -> Track:
    box = np.array([10.0 * number, 5.0, 0.8, 4.0, 2.0, 1.6, 0.7])
    covariance = np.array([[0.4, 0.1, 0.0, 0.0], [0.1, 0.3, 0.0, 0.0], [0.0, 0.0, 0.5, 0.2], [0.0, 0.0, 0.2, 0.6]])
    ahead = PATH_STEP_S * np.arange(1, PATH_STEPS + 1)
    return Track(
        id=number,
        label="car",
        box=box,
        velocity=np.array(velocity),
        yaw_rate=0.25,
        covariance=covariance,
        confidence=0.9,
        motion="constant_velocity",
        hits=5,
        age_s=0.5,
        unseen_s=unseen_s,
        path=box[:2] + ahead[:, None] * np.array(velocity),
        path_covariances=ahead[:, None, None] * np.eye(2),
    )


def test_boxes_come_into_the_base_frame_whatever_the_frame_of_the_detector() -> None:
    random = np.random.default_rng(0)
    T_base_camera = se3.from_rotation_translation(
        Rotation.random(random_state=1).as_matrix(), np.array([1.0, -2.0, 0.5])
    )
    boxes = np.column_stack([random.uniform(-40.0, 40.0, (6, 3)), random.uniform(-3.0, 3.0, 6)])
    array = Detection3DArray()
    for x, y, z, yaw in boxes:
        T_base_box = se3.from_planar(x, y, yaw)
        T_base_box[2, 3] = z
        array.detections.append(detection(se3.inverse(T_base_camera) @ T_base_box, car=0.8))
    found = convert.from_detections(array, T_base_camera, {})
    assert np.allclose(found.boxes[:, [0, 1, 2, 6]], boxes, atol=1e-9)
    assert np.allclose(found.boxes[:, 3:6], [4.0, 2.0, 1.5])
    assert found.labels == ("car",) * 6


def test_a_tilted_box_is_taken_by_its_yaw() -> None:
    tilted = Rotation.from_euler("ZYX", [0.6, 0.3, -0.2]).as_matrix()
    array = Detection3DArray(detections=[detection(se3.from_rotation_translation(tilted, np.zeros(3)))])
    assert convert.from_detections(array, np.eye(4), {}).boxes[0, 6] == pytest.approx(0.6)


def test_the_likeliest_class_counts_and_a_box_without_any_is_unknown() -> None:
    array = Detection3DArray(
        detections=[detection(np.eye(4), c0=0.2, c1=0.7), detection(np.eye(4)), detection(np.eye(4), tram=3.0)]
    )
    found = convert.from_detections(array, np.eye(4), {"c1": "cyclist"})
    assert found.labels == ("cyclist", "unknown", "tram")
    assert found.scores.tolist() == [0.7, 0.5, 3.0]


def test_what_is_not_a_number_stays_in_its_box_and_an_orientation_without_length_is_none() -> None:
    array = Detection3DArray(detections=[detection(np.eye(4), car=1.0) for _ in range(3)])
    array.detections[0].bbox.center.position.y = float("nan")
    array.detections[1].bbox.center.orientation.w = 0.0
    finite = np.isfinite(convert.from_detections(array, np.eye(4), {}).boxes).all(axis=1)
    assert finite.tolist() == [False, False, True]
    assert convert.from_detections(Detection3DArray(), np.eye(4), {}).boxes.shape == (0, 7)


def test_the_frame_is_that_of_the_message_else_of_its_first_detection() -> None:
    array = Detection3DArray()
    assert convert.frame_of(array) == ""
    array.detections = [Detection3D(header=Header(frame_id="camera"))]
    assert convert.frame_of(array) == "camera"
    array.header.frame_id = "lidar"
    assert convert.frame_of(array) == "lidar"


def test_tracks_can_be_read_back_as_detections() -> None:
    tracks = (track(3), track(7))
    array = convert.to_tracks(tracks, HEADER)
    assert array.header == HEADER
    assert [each.id for each in array.detections] == ["3", "7"]
    found = convert.from_detections(array, np.eye(4), {})
    assert np.allclose(found.boxes, [each.box for each in tracks])
    assert found.labels == ("car", "car")
    assert found.scores.tolist() == [0.9, 0.9]
    covariance = np.array(array.detections[0].results[0].pose.covariance).reshape(6, 6)
    assert np.array_equal(covariance[:2, :2], tracks[0].covariance[:2, :2])
    assert np.count_nonzero(covariance) == 4


def test_the_twist_of_a_track_is_along_its_own_axes() -> None:
    """Turned back into the frame of the tracks, it is the track's velocity and covariance."""
    followed = track(12)
    odometry = convert.to_odometry(followed, HEADER)
    assert (odometry.header.frame_id, odometry.child_frame_id) == ("odom", "track_12")
    R = messages.from_pose(odometry.pose.pose)[:2, :2]
    linear = odometry.twist.twist.linear
    assert np.allclose(R @ [linear.x, linear.y], followed.velocity)
    assert odometry.twist.twist.angular.z == 0.25
    covariance = np.array(odometry.twist.covariance).reshape(6, 6)[:2, :2]
    assert np.allclose(R @ covariance @ R.T, followed.covariance[2:, 2:])


def test_predicted_paths_have_the_time_ahead_in_the_header_of_each_box() -> None:
    followed = track(2)
    array = convert.to_predicted_paths((followed,), HEADER, 5 * SECOND, 0.5)
    assert messages.stamp_ns(array.header.stamp) == 5 * SECOND
    ahead = [(messages.stamp_ns(each.header.stamp) - 5 * SECOND) / SECOND for each in array.detections]
    assert np.allclose(ahead, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    assert {(each.id, each.header.frame_id) for each in array.detections} == {("2", "odom")}
    found = convert.from_detections(array, np.eye(4), {})
    assert np.allclose(found.boxes[:, :2], followed.box[:2] + np.outer(ahead, followed.velocity))
    assert np.allclose(found.boxes[:, 6], np.arctan2(4.0, 3.0))
    covariances = [np.array(each.results[0].pose.covariance)[0] for each in array.detections]
    assert np.allclose(covariances, ahead)


def test_an_object_that_does_not_move_keeps_its_heading() -> None:
    assert np.allclose(convert.path_headings(track(1, (0.0, 0.0))), 0.7)


def kinds(array: MarkerArray, action: int) -> set[tuple[str, int]]:
    return {(marker.ns, marker.id) for marker in array.markers if marker.action == action}


def _box(array: MarkerArray, number: int) -> Marker:
    (marker,) = [m for m in array.markers if (m.ns, m.id, m.action) == ("boxes", number, Marker.ADD)]
    return marker


def test_markers_of_a_track_share_its_colour_and_are_deleted_with_it() -> None:
    first, shown = convert.to_markers((track(1), track(2)), HEADER, frozenset())
    assert kinds(first, Marker.ADD) == {
        (name, number) for name in ("boxes", "names", "velocities", "predicted_paths") for number in (1, 2)
    }
    colours = {marker.id: (marker.color.r, marker.color.g, marker.color.b) for marker in first.markers}
    assert all((m.color.r, m.color.g, m.color.b) == colours[m.id] for m in first.markers)
    assert colours[1] != colours[2]
    second, shown = convert.to_markers((track(2, (0.0, 0.0), unseen_s=0.1),), HEADER, shown)
    assert kinds(second, Marker.ADD) == {("boxes", 2), ("names", 2)}
    assert kinds(second, Marker.DELETE) == kinds(first, Marker.ADD) - kinds(second, Marker.ADD)
    pale, strong = (_box(array, 2).color.a for array in (second, first))
    assert pale < strong
    third, shown = convert.to_markers((), HEADER, shown)
    assert kinds(third, Marker.DELETE) == {("boxes", 2), ("names", 2)}
    assert not shown


def test_an_arrow_reaches_where_the_track_is_a_second_later() -> None:
    array, _ = convert.to_markers((track(1),), HEADER, frozenset())
    (arrow,) = [marker for marker in array.markers if marker.ns == "velocities"]
    start, end = arrow.points
    assert (end.x - start.x, end.y - start.y) == pytest.approx((3.0, 4.0))


@pytest.mark.parametrize("text", ["car", "0=", "=car", "0=car=1", "0:car"])
def test_class_names_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"class_names = '{text}'"):
        TrackingNodeParameters(class_names=text).names()


def test_class_names_may_have_spaces() -> None:
    assert TrackingNodeParameters(class_names=" 0 = car, 7=big truck ").names() == {"0": "car", "7": "big truck"}
