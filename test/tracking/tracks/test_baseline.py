from __future__ import annotations

import numpy as np

from isometry.tracking.tracks.baseline import BaselineTracker
from isometry.tracking.types import Detections, TrackingStep

STEP_NS = 100_000_000


def detections(*places: tuple[float, float], label: str = "Car") -> Detections:
    boxes = np.array([[x, y, -0.9, 4.0, 1.8, 1.5, 0.2] for x, y in places]).reshape(-1, 7)
    return Detections(boxes, np.full(len(boxes), 2.5), (label,) * len(boxes))


def steps(tracker: BaselineTracker, given: list[Detections]) -> list[TrackingStep]:
    return [tracker.process(each, k * STEP_NS) for k, each in enumerate(given)]


def test_a_track_is_reported_from_its_third_detection_on_and_ends_after_two_misses() -> None:
    seen = [detections((10.0 + 0.5 * k, 2.0)) for k in range(6)]
    reported = steps(BaselineTracker(), [*seen, detections(), detections(), detections()])
    assert [len(step.tracks) for step in reported] == [0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert {track.id for step in reported for track in step.tracks} == {1}
    assert reported[6].tracks[0].unseen_s == 0.1


def test_velocity_is_found_and_carries_a_track_over_a_gap() -> None:
    seen = [detections((10.0 + 2.0 * k, 2.0 - 0.3 * k)) for k in range(12)]
    seen[10] = detections()
    last = steps(BaselineTracker(), seen)[-1].tracks[0]
    np.testing.assert_allclose(last.velocity, [20.0, -3.0], atol=0.3)
    np.testing.assert_allclose(last.box, [32.0, -1.3, -0.9, 4.0, 1.8, 1.5, 0.2], atol=0.1)
    assert last.id == 1


def test_new_tracks_start_with_the_common_motion() -> None:
    # The vehicle drives at 20 m/s: all stationary objects come nearer by 2 m a step.
    def at(k: int) -> list[tuple[float, float]]:
        return [(60.0 - 2.0 * k, -6.0), (80.0 - 2.0 * k, 6.0)]

    tracker = BaselineTracker()
    steps(tracker, [detections(*at(k)) for k in range(8)])
    tracker.process(detections(*at(8), (40.0, 0.0)), 8 * STEP_NS)
    tracker.process(detections(*at(9), (38.0, 0.0)), 9 * STEP_NS)
    new = tracker.process(detections(*at(10), (36.0, 0.0)), 10 * STEP_NS).tracks[-1]
    np.testing.assert_allclose(new.velocity, [-20.0, 0.0], atol=0.5)


def test_objects_that_pass_each_other_and_other_classes_keep_their_own_tracks() -> None:
    def at(k: int) -> Detections:
        cars = detections((10.0 + 1.0 * k, 0.0), (30.0 - 1.0 * k, 3.0))
        person = detections((20.0, 1.5), label="Pedestrian")
        return Detections(np.vstack([cars.boxes, person.boxes]), np.ones(3), (*cars.labels, *person.labels))

    reported = steps(BaselineTracker(), [at(k) for k in range(20)])
    assert {track.id for step in reported for track in step.tracks} == {1, 2, 3}
    first = {track.id: track for track in reported[-1].tracks}
    assert first[1].box[0] > 28.0
    assert first[2].box[0] < 12.0
    assert first[3].label == "Pedestrian"
