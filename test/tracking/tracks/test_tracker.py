"""Tracks of detections: who is who, how each moves, and what bad input does."""

from __future__ import annotations

from collections.abc import Callable
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


def noisy_path(
    speed_m_s: float, rate_hz: float, label: str = "car", seconds: float = 4.0, noise_m: float = 0.1
) -> list[tuple[int, Detections]]:
    """Stamps and detections of one object that drives along x."""
    rng = np.random.default_rng(round(100 * speed_m_s + rate_hz))
    moments = []
    for k in range(max(8, round(seconds * rate_hz))):
        place = np.array([[speed_m_s * k / rate_hz - 60.0, 3.0]]) + rng.normal(scale=noise_m, size=2)
        found = detections(place, score=0.8, label=label)
        if label == "pedestrian":
            found.boxes[:, 3:6] = (0.8, 0.7, 1.7)
        moments.append((10**9 + round(k * 1e9 / rate_hz), found))
    return moments


@pytest.mark.parametrize("rate_hz", [20.0, 10.0, 5.0, 2.0, 1.0])
@pytest.mark.parametrize(
    ("label", "speed_m_s"),
    [("car", v) for v in (0.0, 2.0, 6.0, 15.0, 30.0, 45.0)]
    + [("truck", 25.0), ("pedestrian", 1.5), ("pedestrian", 4.0), ("cyclist", 8.0)],
)
def test_one_object_has_one_id_and_its_speed_from_the_third_detection_on(
    label: str, speed_m_s: float, rate_hz: float
) -> None:
    tracker = Tracker(TrackingParameters())
    ids = set()
    for k, (stamp_ns, found) in enumerate(noisy_path(speed_m_s, rate_hz, label)):
        (track,) = tracker.process(found, stamp_ns, np.eye(4)).tracks
        ids.add(track.id)
        error, variances = track.velocity - [speed_m_s, 0.0], np.diag(track.covariance)[2:]
        if k < 2:
            assert (error**2 <= 9.0 * variances).all()
            assert (variances >= 1.0).all()
        else:
            assert (np.abs(error) < 2.0 + 4.0 * 0.1 * rate_hz).all()  # as exact as places of 0.1 m can tell
    assert len(ids) == 1


def test_two_cars_in_file_that_advance_by_their_distance_are_told_apart_by_the_fourth_scan() -> None:
    """Each is found where the one ahead of it was: that the first one stands is likelier, until the fourth scan."""
    tracker = Tracker(TrackingParameters())
    for k in range(8):
        ahead = 7.5 * k + np.random.default_rng(k).normal(scale=0.1, size=(2, 2))
        found = detections(np.array([[-40.0, 3.0], [-48.0, 3.0]]) + ahead * [1.0, 0.0])
        step = tracker.process(found, k * 5 * STEP_NS, np.eye(4))
        if k >= 3:
            assert len(step.tracks) == 2
            for track in step.tracks:
                np.testing.assert_allclose(track.velocity, [15.0, 0.0], atol=1.2)


@pytest.mark.parametrize("seed", range(6))
def test_a_parked_row_with_gaps_does_not_move(seed: int) -> None:
    """Equal cars 2.7 m apart at 2 Hz, one in four not detected: no shift of the row is read as motion."""
    rng = np.random.default_rng(seed)
    tracker = Tracker(TrackingParameters())
    places = np.column_stack([np.zeros(8), 2.7 * np.arange(8)])
    owners: dict[int, set[int]] = {}
    for k in range(16):
        seen = np.flatnonzero(rng.random(8) > 0.25)
        found = detections(places[seen] + rng.normal(scale=0.1, size=(len(seen), 2)))
        step = tracker.process(found, k * 5 * STEP_NS, np.eye(4))
        for track in step.tracks:
            spread = 3.0 * np.sqrt(np.diag(track.covariance)[2:])
            assert (np.abs(track.velocity) <= spread).all()
            if track.hits >= 3:
                assert np.hypot(*track.velocity) < 0.5
                owners.setdefault(track.id, set()).add(int(np.argmin(np.abs(places[:, 1] - track.box[1]))))
    assert all(len(cars) == 1 for cars in owners.values())


@pytest.mark.parametrize(
    "labels",
    [
        lambda k: ("car", "truck")[k % 2],
        lambda k: "truck" if k % 5 == 2 else "car",
        lambda k: "car" if k < 15 else "truck",
        lambda k: ("Car", "car")[k % 2],
        lambda k: ("van", "bus", "truck", "car")[k % 4],
    ],
    ids=["in turns", "one in five", "for good", "letters", "four classes"],
)
def test_an_object_whose_class_changes_keeps_its_id(labels: Callable[[int], str]) -> None:
    steps = run([detections(np.array([[0.8 * k, 3.0]]), label=labels(k)) for k in range(60)], np.eye(4))
    assert {track.id for step in steps for track in step.tracks} == {steps[0].tracks[0].id}
    assert all(len(step.tracks) == 1 for step in steps)


@pytest.mark.parametrize(
    ("labels", "size", "turns"),
    [
        (("pedestrian", "cyclist"), (0.8, 0.7, 1.7), (0.0,)),
        (("pedestrian", "cyclist"), (1.8, 0.6, 1.7), (0.0,)),
        (("",), SIZE, (0.0,)),
        (("",), (0.8, 0.7, 1.7), (0.0,)),
        (("car",), SIZE, (0.0, np.pi)),
        (("car",), (1.8, 4.0, 1.5), (np.pi / 2,)),
        (("car",), (1.8, 4.0, 1.5), (0.0,)),
    ],
    ids=[
        "a pedestrian is a cyclist at times",
        "a cyclist is a pedestrian at times",
        "a car without a label",
        "a person without a label",
        "front and back in turns",
        "length and width exchanged",
        "length across the lane",
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_an_object_has_one_id_whatever_the_detector_calls_or_turns(
    labels: tuple[str, ...], size: tuple[float, float, float], turns: tuple[float, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    speed = 8.0 if max(size) > 2.0 else 1.5
    frames = []
    for k in range(40):
        place = np.array([[0.1 * speed * k, 3.0]]) + rng.normal(scale=0.08, size=2)
        yaw = turns[k % len(turns)] + rng.normal(scale=0.02)
        found = detections(place, yaw, 0.8, labels[k % len(labels)])
        found.boxes[:, 3:6] = size + rng.normal(scale=0.03, size=3)
        frames.append(found)
    steps = run(frames, np.eye(4))
    assert [[track.id for track in step.tracks] for step in steps] == [[steps[0].tracks[0].id]] * len(frames)
    assert {track.label for step in steps for track in step.tracks} <= set(labels)
    (track,) = steps[-1].tracks
    np.testing.assert_allclose(track.velocity, [speed, 0.0], atol=0.5)
    np.testing.assert_allclose(track.box[3:6], size, atol=0.1)
    assert abs(planar.wrapped(np.asarray(track.box[6] - turns[0]))) < 0.1


def test_the_class_follows_the_detector_after_a_while_and_not_at_once() -> None:
    frames = [detections(np.zeros((1, 2)), label="car" if k < 15 else "truck") for k in range(60)]
    steps = run(frames, np.eye(4))
    assert [steps[k].tracks[0].label for k in (0, 16, 59)] == ["car", "car", "truck"]


@pytest.mark.parametrize("second", ["truck", "car"])
def test_two_boxes_on_one_object_are_one_track_of_the_surer_class(second: str) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for k in range(40):
        places = np.array([[0.8 * k, 3.0]] * 2) + rng.normal(scale=0.08, size=(2, 2))
        found = detections(places)
        frames.append(replace(found, scores=np.array([0.8, 0.6]), labels=("car", second)))
    steps = run(frames, np.eye(4))
    assert {(track.id, track.label) for step in steps for track in step.tracks} == {(steps[0].tracks[0].id, "car")}


def test_a_person_beside_a_car_is_not_of_the_car() -> None:
    person = detections(np.array([[0.5, 0.6]]), label="pedestrian")
    person.boxes[:, 3:6] = (0.7, 0.6, 1.7)
    steps = run([joined(detections(np.zeros((1, 2))), person)] * 5, np.eye(4))
    assert sorted(track.label for track in steps[-1].tracks) == ["car", "pedestrian"]


@pytest.mark.parametrize("seed", range(4))
def test_dropped_scans_and_uneven_stamps_cost_no_id_and_no_track_jumps(seed: int) -> None:
    """One scan in three is dropped, and stamps are up to 30 ms off their beat."""
    rng = np.random.default_rng(seed)
    tracker = Tracker(TrackingParameters())
    starts = np.array([[0.0, 0.0], [-30.0, 4.0], [60.0, -4.0], [10.0, 12.0], [-60.0, 20.0]])
    velocities = np.array([[0.0, 0.0], [12.0, 0.0], [-15.0, 0.0], [0.0, 1.4], [30.0, 0.0]])
    last: dict[int, tuple[float, Array]] = {}
    for k in range(90):
        t = 0.1 * k + rng.uniform(-0.03, 0.03)
        if rng.random() < 1.0 / 3.0:
            continue
        places = starts + t * velocities
        step = tracker.process(
            detections(places + rng.normal(scale=0.1, size=places.shape)), round(1e9 * (5 + t)), np.eye(4)
        )
        for track in step.tracks:
            assert np.linalg.norm(places - track.box[:2], axis=1).min() < 1.5
            before_s, before = last.get(track.id, (t, track.box[:2]))
            assert np.linalg.norm(track.box[:2] - before) < 40.0 * (t - before_s) + 1.0
            last[track.id] = (t, track.box[:2])
    assert len(last) == 5


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
    for k in (26, 32):
        ended = tracker.process(detections(np.zeros((0, 2))), k * STEP_NS, np.eye(4))
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
    assert step.detections is not None
    assert len(step.detections) == 500
    assert 250 < len(step.tracks) <= 500  # boxes that lie on each other are of one object
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


@pytest.mark.parametrize("jump_s", [-3600.0, -5.0, 3.0])
def test_all_tracks_end_where_time_goes_on_elsewhere(jump_s: float) -> None:
    tracker = Tracker(TrackingParameters(longest_gap_s=2.0))
    start_ns = 10_000 * 10**9
    first = tracker.process(detections(np.zeros((1, 2))), start_ns, np.eye(4))
    there_ns = start_ns + round(jump_s * 1e9)
    with pytest.raises(ValueError, match=r"jumps (on|back) by [0-9]+ s"):
        tracker.process(detections(np.zeros((1, 2))), there_ns, np.eye(4))
    after = tracker.process(detections(np.zeros((1, 2))), there_ns + STEP_NS, np.eye(4))
    assert after.restarted
    assert {track.id for track in after.tracks}.isdisjoint(track.id for track in first.tracks)


@pytest.mark.parametrize("jump_s", [-3600.0, 1.5, 3600.0])
def test_one_stamp_that_jumps_ends_no_track(jump_s: float) -> None:
    tracker = Tracker(TrackingParameters())
    ids = set()
    for k in range(30):
        found, stamp_ns = detections(np.array([[1.0 * k, 0.0]])), 10_000 * 10**9 + k * STEP_NS
        if k == 15:
            with pytest.raises(ValueError, match="jumps"):
                tracker.process(found, stamp_ns + round(jump_s * 1e9), np.eye(4))
            continue
        step = tracker.process(found, stamp_ns, np.eye(4))
        ids |= {track.id for track in step.tracks}
    assert len(ids) == 1
    np.testing.assert_allclose(step.tracks[0].velocity, [10.0, 0.0], atol=0.2)


def test_arrays_that_do_not_fit_are_refused() -> None:
    tracker = Tracker(TrackingParameters())
    with pytest.raises(ValueError, match="boxes of shape"):
        tracker.process(Detections(np.zeros((2, 6)), np.zeros(2), ("car", "car")), 0)
    with pytest.raises(ValueError, match="only any, clusters, pointrcnn"):
        Tracker(TrackingParameters(detector="nobody"))
