"""Tracks of detections: who is who, how each moves, and what bad input does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import Detections, TrackingStep

STEP_NS = 100_000_000
SIZE = (4.0, 1.8, 1.5)


def detections(places: Array, yaw: Array | float = 0.0, score: float = 0.9, label: str = "car") -> Detections:
    boxes = np.zeros((len(places), 7))
    boxes[:, :2], boxes[:, 3:6], boxes[:, 6] = places, SIZE, yaw
    return Detections(boxes, np.full(len(places), score), (label,) * len(places))


def traffic(steps: int = 40, seed: int = 0) -> list[Detections]:
    """Four cars: one is stationary, two pass in opposite lanes, one turns; noisy, with a false alarm at times."""
    rng = np.random.default_rng(seed)
    frames = []
    for t in 0.1 * np.arange(steps):
        turn = 0.6 * t
        places = np.array(
            [
                [5.0, -8.0],
                [-20.0 + 10.0 * t, 0.0],
                [20.0 - 10.0 * t, 3.0],
                [12.0 * np.sin(turn), 30.0 - 12.0 * np.cos(turn)],
            ]
        )
        found = detections(places + rng.normal(scale=0.05, size=places.shape), np.array([0.3, 0.0, np.pi, turn]))
        if rng.uniform() < 0.2:
            found = joined(found, detections(rng.uniform(-60.0, -40.0, (1, 2)), score=0.2))
        frames.append(found)
    return frames


def joined(*parts: Detections) -> Detections:
    return Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        tuple(label for part in parts for label in part.labels),
    )


def run(frames: list[Detections], T_odom_base: Array | None = None) -> list[TrackingStep]:
    tracker = Tracker(TrackingParameters())
    return [tracker.process(each, k * STEP_NS, T_odom_base) for k, each in enumerate(frames)]


def test_each_object_keeps_one_id_with_its_velocity_and_motion_model() -> None:
    steps = run(traffic(), np.eye(4))
    confident = [{track.id for track in step.tracks if track.confidence > 0.8} for step in steps[5:]]
    assert all(ids == confident[0] for ids in confident)
    assert len(confident[0]) == 4
    last = {track.id: track for track in steps[-1].tracks}
    stationary, ahead, oncoming, turning = (last[number] for number in sorted(confident[0]))
    assert stationary.motion == "stationary"
    np.testing.assert_allclose(ahead.velocity, [10.0, 0.0], atol=0.5)
    np.testing.assert_allclose(oncoming.velocity, [-10.0, 0.0], atol=0.5)
    assert np.hypot(*turning.velocity) == pytest.approx(7.2, abs=0.6)
    assert turning.hits == 40
    assert turning.age_s == pytest.approx(3.9)


def test_errors_lie_within_two_sigma_about_as_often_as_they_say() -> None:
    inside = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        t = 0.1 * np.arange(30)
        velocity = rng.uniform(-10.0, 10.0, (5, 2))
        places = rng.uniform(-40.0, 40.0, (5, 2)) + t[:, None, None] * velocity
        noise = Tracker(TrackingParameters())._models(["car"])[0].position_noise
        steps = run([detections(each + rng.normal(scale=noise, size=(5, 2))) for each in places], np.eye(4))
        for track in steps[-1].tracks:
            nearest = int(np.argmin(np.linalg.norm(places[-1] - track.box[:2], axis=1)))
            error = np.concatenate([track.box[:2] - places[-1][nearest], track.velocity - velocity[nearest]])
            inside += (np.abs(error) <= 2.0 * np.sqrt(np.diag(track.covariance))).tolist()
    assert np.mean(inside) > 0.9


@pytest.mark.parametrize("over_ground", [True, False])
def test_turned_scenes_give_turned_tracks(over_ground: bool) -> None:
    T = se3.from_planar(3.0, -7.0, 2.4) if over_ground else se3.from_planar(0.0, 0.0, 2.4)
    frames = traffic()
    plain = run(frames, np.eye(4) if over_ground else None)
    turned = run(frames, T) if over_ground else run([each.in_frame(T) for each in frames])
    for one, other in zip(plain, turned, strict=True):
        assert [track.id for track in one.tracks] == [track.id for track in other.tracks]
        for a, b in zip(one.tracks, other.tracks, strict=True):
            np.testing.assert_allclose(b.box[:3], se3.apply(T, a.box[None, :3])[0], atol=1e-9)
            np.testing.assert_allclose(b.velocity, T[:2, :2] @ a.velocity, atol=1e-8)
            assert abs(planar.wrapped(np.asarray(b.box[6] - a.box[6] - 2.4))) < 1e-9
            assert a.motion == b.motion


def test_stationary_objects_are_stationary_for_a_driving_robot() -> None:
    places = np.array([[20.0, 3.0], [35.0, -4.0], [50.0, 6.0]])
    tracker = Tracker(TrackingParameters())
    for k in range(20):
        T_odom_base = se3.from_planar(1.5 * k, 0.0, 0.02 * k)
        seen = se3.apply(se3.inverse(T_odom_base), np.column_stack([places, np.zeros(3)]))[:, :2]
        step = tracker.process(detections(seen), k * STEP_NS, T_odom_base)
    assert {track.motion for track in step.tracks} == {"stationary"}
    np.testing.assert_allclose(sorted(track.box[0] for track in step.tracks), places[:, 0], atol=0.05)


def test_known_velocities_are_those_of_new_tracks() -> None:
    found = replace(
        detections(np.array([[0.0, 0.0], [9.0, 9.0]])),
        velocities=np.array([[7.0, 1.0], [np.nan, np.nan]]),
        velocity_covariances=np.repeat(0.04 * np.eye(2)[None], 2, axis=0),
    )
    T_odom_base = se3.from_planar(0.0, 0.0, np.pi / 2)
    tracker = Tracker(TrackingParameters())
    step = tracker.process(found, 0, T_odom_base)
    found.boxes[0, :2] += [0.7, 0.1]
    step = tracker.process(found, STEP_NS, T_odom_base)
    fast = max(step.tracks, key=lambda track: float(np.hypot(*track.velocity)))
    np.testing.assert_allclose(fast.velocity, [-1.0, 7.0], atol=0.2)


def test_a_track_outlives_a_gap_and_a_new_one_does_not() -> None:
    tracker = Tracker(TrackingParameters(longest_unseen_s=1.0))
    for k in range(15):
        step = tracker.process(detections(np.array([[1.0 * k, 0.0]])), k * STEP_NS, np.eye(4))
    (known,) = step.tracks
    tracker.process(detections(np.array([[0.0, 50.0]])), 15 * STEP_NS, np.eye(4))
    for k in range(16, 20):
        step = tracker.process(detections(np.zeros((0, 2))), k * STEP_NS, np.eye(4))
    assert [track.id for track in step.tracks] == [known.id]
    assert step.tracks[0].unseen_s == pytest.approx(0.5)
    assert step.tracks[0].confidence < 0.2
    step = tracker.process(detections(np.array([[20.0, 0.0]])), 20 * STEP_NS, np.eye(4))
    assert [track.id for track in step.tracks] == [known.id]
    ended = tracker.process(detections(np.zeros((0, 2))), 32 * STEP_NS, np.eye(4))
    assert ended.ended == (known.id,)


def test_confidence_rises_with_scores_and_detections() -> None:
    weak, strong = (run([detections(np.zeros((1, 2)), score=s)] * 8, np.eye(4)) for s in (0.3, 0.9))
    assert weak[-1].tracks[0].confidence < 0.5 < strong[-1].tracks[0].confidence
    assert strong[-1].tracks[0].confidence > strong[0].tracks[0].confidence


def test_a_front_taken_for_the_back_does_not_turn_the_track() -> None:
    steps = run([detections(np.array([[0.5 * k, 0.0]]), np.pi if k % 3 == 0 else 0.0) for k in range(1, 20)], np.eye(4))
    assert abs(planar.wrapped(np.asarray(steps[-1].tracks[0].box[6]))) < 1e-6


def test_the_track_tells_the_sides_of_a_cluster_apart() -> None:
    frames = []
    for k in range(12):
        found = replace(detections(np.zeros((1, 2)), yaw=0.2), headings_known=False)
        if k % 2:
            found.boxes[0, 3:5], found.boxes[0, 6] = (SIZE[1], SIZE[0]), 0.2 - np.pi / 2
        frames.append(found)
    (track,) = run(frames, np.eye(4))[-1].tracks
    np.testing.assert_allclose(track.box[3:7], [*SIZE, 0.2], atol=1e-9)


def test_most_detections_decide_the_class_of_a_cluster() -> None:
    labels = ["car", "unknown", "car", "cyclist", "car"]
    frames = [replace(detections(np.zeros((1, 2)), label=label), headings_known=False) for label in labels]
    assert run(frames, np.eye(4))[-1].tracks[0].label == "car"


def test_classes_of_a_detector_are_not_mixed() -> None:
    frames = [detections(np.zeros((1, 2)), label="car"), detections(np.zeros((1, 2)), label="pedestrian")]
    assert len(run(frames, np.eye(4))[-1].tracks) == 2


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (0, np.nan, "not finite"),
        (6, np.inf, "not finite"),
        (3, 0.0, "of a size outside"),
        (4, -1.0, "of a size outside"),
    ],
)
def test_boxes_that_cannot_be_are_left_out_by_name(column: int, value: float, why: str) -> None:
    found = detections(np.array([[0.0, 0.0], [10.0, 0.0]]))
    found.boxes[1, column] = value
    before = found.boxes.copy()
    (step,) = run([found])
    assert len(step.tracks) == 1
    assert len(step.rejected) == 1
    assert step.rejected[0].startswith("1 detections " + why)
    np.testing.assert_array_equal(found.boxes, before)


def test_of_thousands_of_detections_the_surest_are_taken() -> None:
    rng = np.random.default_rng(0)
    found = detections(rng.uniform(-200.0, 200.0, (5000, 2)))
    found = replace(found, scores=rng.uniform(size=5000))
    (step,) = run([found])
    assert len(step.tracks) == 500
    assert step.rejected == ("4500 detections beyond the 500 surest",)
    assert min(track.score for track in step.tracks) > 0.85


def test_a_stamp_that_is_not_newer_is_refused_and_changes_nothing() -> None:
    tracker = Tracker(TrackingParameters())
    first = tracker.process(detections(np.zeros((1, 2))), 10 * STEP_NS, np.eye(4))
    for stamp_ns in (10 * STEP_NS, 9 * STEP_NS):
        with pytest.raises(ValueError, match="came after"):
            tracker.process(detections(np.ones((1, 2))), stamp_ns, np.eye(4))
    after = tracker.process(detections(np.zeros((1, 2))), 11 * STEP_NS, np.eye(4))
    assert [track.id for track in after.tracks] == [track.id for track in first.tracks]
    assert after.tracks[0].hits == 2


@pytest.mark.parametrize("jump_s", [-5.0, 3.0])
def test_all_tracks_end_where_time_jumps(jump_s: float) -> None:
    tracker = Tracker(TrackingParameters(longest_gap_s=2.0))
    start_ns = 10_000_000_000
    first = tracker.process(detections(np.zeros((1, 2))), start_ns, np.eye(4))
    after = tracker.process(detections(np.zeros((1, 2))), start_ns + round(jump_s * 1e9), np.eye(4))
    assert after.restarted
    assert {track.id for track in after.tracks}.isdisjoint(track.id for track in first.tracks)


def test_arrays_that_do_not_fit_are_refused() -> None:
    tracker = Tracker(TrackingParameters())
    with pytest.raises(ValueError, match="boxes of shape"):
        tracker.process(Detections(np.zeros((2, 6)), np.zeros(2), ("car", "car")), 0)
    with pytest.raises(ValueError, match="only any, clusters, pointrcnn"):
        Tracker(TrackingParameters(detector="nobody"))
