"""Tracking measured on simulated traffic, by trackers that are known to be right or wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.datasets.kitti.scans import read_poses
from isometry.datasets.kitti.tracking import KittiObjects, KittiTracking
from isometry.evaluation.tracking.measure import (
    ClassResult,
    calibration,
    figures,
    follow,
    judge,
    measure_scans,
    turn_figures,
)
from isometry.evaluation.tracking.objects import speeds_over_ground
from isometry.evaluation.tracking.report import write_report
from isometry.evaluation.tracking.runs import (
    FollowsDetections,
    Tracks,
    TurnedDetections,
    TurnedScans,
    track_detections,
)
from isometry.geometry import se3
from isometry.geometry.boxes import moved
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.tracks.baseline import BaselineTracker
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import Detections, Track, TrackingStep

IOUS = (0.25, 0.5)
CARS = (0, 1, 2, 3, 6)  # ids of the cars of the simulated traffic
SPEEDS = np.hypot(
    *np.array([[9.0, 6.0, 3.0, 0.0, 4.0, 0.5, 7.0], [0.0, 0.2, 0.0, 0.0, 0.5, 1.2, 0.0]])
)  # of all, by id


@pytest.fixture(scope="module")
def drive(simulated_tracking: Path) -> Path:
    """Two sequences; the scans of the first one have a point at each object."""
    return simulated_tracking


@pytest.fixture(scope="module")
def sequences(drive: Path) -> list[KittiTracking]:
    return [KittiTracking(drive, name) for name in ("0", "1")]


def measure(
    sequences: list[KittiTracking],
    detections: str,
    label: str,
    ious: Sequence[float],
    tracker: Callable[[], FollowsDetections],
) -> ClassResult:
    return judge(sequences, detections, label, ious, follow(sequences, detections, tracker))


@pytest.fixture(scope="module")
def baseline(sequences: list[KittiTracking]) -> ClassResult:
    return measure(sequences, "simulated", "Car", IOUS, BaselineTracker)


class Oracle:
    """Reports the labels of a sequence with their own ids, in a frame of its own."""

    def __init__(self, sequence: KittiTracking, poses: Array | None = None, speed_m_s: float = 0.0) -> None:
        self.labels, self.speed_m_s, self.poses = sequence.labels, speed_m_s, poses

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
        assert T_odom_base is None
        return self._step(stamp_ns, se3.from_planar(0.1, -2.0, 1.0 + 1e-9 * stamp_ns))

    def process_scan(
        self, points: Array, stamp_ns: int, T_odom_base: Array | None, origin: Array, offsets_s: Array | None
    ) -> TrackingStep:
        assert T_odom_base is not None
        assert offsets_s is None
        np.testing.assert_allclose(points, self.labels.of_frame(round(stamp_ns * 1e-8)).boxes[:, :3], atol=1e-5)
        np.testing.assert_array_equal(origin, 0.0)
        return self._step(stamp_ns, T_odom_base)

    def _step(self, stamp_ns: int, T_odom_base: Array) -> TrackingStep:
        here = self.labels.of_frame(round(stamp_ns * 1e-8))
        boxes = moved(T_odom_base, here.boxes)
        tracks = [_track(int(n), here.labels[k], boxes[k], self.speed_m_s) for k, n in enumerate(here.ids)]
        return TrackingStep(tuple(tracks), T_odom_base)


def _track(number: int, label: str, box: Array, speed_m_s: float) -> Track:
    velocity = speed_m_s * np.array([np.cos(box[6]), np.sin(box[6])])
    return Track(number, label.lower(), box, velocity, 0.0, np.eye(4), 0.9, "oracle", 1, 0.0, 0.0)


def test_a_tracker_that_knows_the_labels_has_the_best_figures(sequences: list[KittiTracking]) -> None:
    given = iter(sequences)
    result = measure(sequences, "simulated", "Car", (0.7,), lambda: _CarsOnly(next(given)))
    found = figures(result)["ious"]["0.7"]
    assert (found["MOTA"], found["id_switches"], found["false_positives"]) == (1.0, 0, 0)
    np.testing.assert_allclose([found["sAMOTA"], found["HOTA"], found["IDF1"], found["MOTP"]], 1.0, atol=1e-2)
    assert {(each.sequence, each.id) for each in result.objects} == {(s, n) for s in ("0000", "0001") for n in CARS}
    assert all(each.coverage == 1.0 and each.ids == 1 and each.longest_gap == 0 for each in result.objects)


class _CarsOnly(Oracle):
    def __init__(self, sequence: KittiTracking) -> None:
        super().__init__(sequence)
        self.labels = self.labels.chosen(np.array(self.labels.labels) == "Car")


class _ExchangesIds(_CarsOnly):
    """Gives every object another id from frame 20 on."""

    def _step(self, stamp_ns: int, T_odom_base: Array) -> TrackingStep:
        step = super()._step(stamp_ns, T_odom_base)
        late = 100 * (stamp_ns >= 2_000_000_000)
        return replace(step, tracks=tuple(replace(track, id=track.id + late) for track in step.tracks))


def test_ids_that_change_are_counted_and_cost_mota_and_idf1(sequences: list[KittiTracking]) -> None:
    given = iter(sequences)
    result = measure(sequences, "simulated", "Car", (0.7,), lambda: _ExchangesIds(next(given)))
    found = figures(result)["ious"]["0.7"]
    switched = [each for each in result.objects if each.ids == 2]
    assert found["id_switches"] == len(switched) > 0
    to_be_found = sum(int((~run.judged.truth_optional).sum()) for run in result.runs)
    assert found["MOTA"] == pytest.approx(1.0 - len(switched) / to_be_found)
    assert found["IDF1"] < 0.8
    assert (found["false_positives"], found["false_negatives"]) == (0, 0)


class _Beside(_CarsOnly):
    """Reports every car 1 m to the side: the boxes of 1.8 m by 1.5 m (or 1.9 m by 1.6 m) overlap by 0.29 or 0.31."""

    def _step(self, stamp_ns: int, T_odom_base: Array) -> TrackingStep:
        step = super()._step(stamp_ns, T_odom_base)
        return replace(step, tracks=tuple(replace(track, box=_beside(track.box)) for track in step.tracks))


def _beside(box: Array) -> Array:
    moved_box = box.copy()
    moved_box[:2] += [-np.sin(box[6]), np.cos(box[6])]
    return moved_box


def test_tracks_beside_their_objects_match_at_a_small_overlap_alone(sequences: list[KittiTracking]) -> None:
    given = iter(sequences)
    found = figures(measure(sequences, "simulated", "Car", IOUS, lambda: _Beside(next(given))))["ious"]
    assert found["0.25"]["MOTA"] == 1.0
    assert found["0.25"]["MOTP"] == pytest.approx(0.29, abs=0.02)
    assert found["0.5"]["MOTA"] < 0.0
    assert found["0.5"]["recall"] < 0.01  # not 0, as two cars drive through a third one


def test_figures_of_the_baseline_are_given_by_overlap_and_sequence(baseline: ClassResult) -> None:
    found = figures(baseline)
    assert list(found["ious"]) == ["0.25", "0.5"]
    assert 0.8 < found["ious"]["0.25"]["MOTA"] <= found["ious"]["0.25"]["sAMOTA"] <= 1.0
    assert found["ious"]["0.5"]["sAMOTA"] <= found["ious"]["0.25"]["sAMOTA"]
    assert list(found["sequences"]) == ["0000", "0001"]
    missed = sum(each["false_negatives"] for each in found["sequences"].values())
    assert missed == found["ious"]["0.25"]["false_negatives"]
    assert found["frames_per_second"] > 100.0


def test_a_class_that_nothing_is_labelled_of_has_no_figures(drive: Path, tmp_path: Path) -> None:
    root = shutil.copytree(drive, tmp_path / "drive")
    labels = root / "training/label_02/0001.txt"
    labels.write_text("".join(line for line in labels.open() if "Cyclist" not in line))
    with pytest.raises(ValueError, match="nothing of class Cyclist is labelled in 0001"):
        measure([KittiTracking(root, "1")], "simulated", "Cyclist", IOUS, BaselineTracker)


def test_areas_of_no_care_and_small_tracks_excuse_false_alarms(drive: Path, tmp_path: Path) -> None:
    class Inventive(Oracle):
        """Reports a car that does not exist, ahead of all, and one so far away that it is small."""

        def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
            near = _track(900, "car", np.array([20.0, 6.0, -0.9, 4.0, 1.8, 1.5, 0.0]), 0.0)
            small = _track(901, "car", np.array([200.0, 0.0, -0.9, 4.0, 1.8, 1.5, 0.0]), 0.0)
            return TrackingStep((near, small), np.eye(4))

    def false_alarms(root: Path) -> int:
        sequence = KittiTracking(root, "1")
        result = measure([sequence], "simulated", "Car", IOUS, lambda: Inventive(sequence))
        return result.curves[0.25].best.false_positives

    frames = KittiTracking(drive, "1").frame_count
    assert false_alarms(drive) == frames
    root = shutil.copytree(drive, tmp_path / "drive")
    area = "-1 DontCare -1 -1 -10 0 0 1241 374 -1000 -1000 -1000 -10 -1 -1 -1"
    with (root / "training/label_02/0001.txt").open("a") as labels:
        labels.writelines(f"{k} {area}\n" for k in range(frames))
    assert false_alarms(root) == 0


def test_from_scans_every_labelled_object_counts_and_speeds_are_compared(drive: Path) -> None:
    sequence, poses = KittiTracking(drive, "0"), read_poses(drive / "poses/0000.txt")
    result = measure_scans([sequence], IOUS, lambda: Oracle(sequence, poses, 3.0), poses)
    found = figures(result)["ious"]["0.25"]
    assert (result.label, found["MOTA"], found["id_switches"]) == ("any", 1.0, 0)
    assert {each.label for each in result.objects} == set(sequence.labels.labels)
    assert [each.id for each in result.objects] == list(range(len(SPEEDS)))
    for each, speed in zip(result.objects, SPEEDS, strict=True):
        assert each.coverage == 1.0
        assert each.speed_m_s == pytest.approx(speed, abs=0.05)
        assert each.speed_error_m_s == pytest.approx(abs(3.0 - speed), abs=0.05)  # the oracle has 3 m/s for all


def test_the_pipeline_tracks_the_objects_of_scans(simulated_scans: Path) -> None:
    sequence, poses = KittiTracking(simulated_scans, "0"), read_poses(simulated_scans / "poses/0000.txt")
    result = measure_scans([sequence], IOUS, lambda: TrackingPipeline.load(TrackingParameters()), poses)
    found = figures(result)["ious"]
    assert found["0.25"]["MOTA"] > 0.9
    assert found["0.5"]["recall"] > 0.7
    assert found["0.25"]["id_switches"] == 0
    assert [(each.id, each.label, each.ids) for each in result.objects] == [
        (0, "Car", 1),
        (1, "Car", 1),
        (2, "Pedestrian", 1),
        (3, "Car", 1),
    ]
    assert min(each.coverage for each in result.objects) > 0.9
    for each in result.objects:
        assert each.speed_error_m_s is not None
        assert each.speed_error_m_s < 0.5
    assert result.objects[3].speed_error_m_s == pytest.approx(0.0, abs=0.05)  # parked


def test_tracks_of_unknown_class_in_scans_are_no_false_alarms(drive: Path) -> None:
    class Clutter(Oracle):
        def _step(self, stamp_ns: int, T_odom_base: Array) -> TrackingStep:
            step = super()._step(stamp_ns, T_odom_base)
            box = moved(T_odom_base, np.array([[20.0, 8.0, 0.0, 1.0, 1.0, 3.0, 0.0]]))[0]
            return replace(step, tracks=(*step.tracks, _track(900, "unknown", box, 0.0)))

    sequence, poses = KittiTracking(drive, "0"), read_poses(drive / "poses/0000.txt")
    result = measure_scans([sequence], IOUS, lambda: Clutter(sequence), poses)
    assert result.curves[0.25].best.false_positives == 0


def test_a_track_that_was_not_seen_for_long_is_left_out(sequences: list[KittiTracking]) -> None:
    class Predicting:
        def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
            track = _track(1, "car", np.array([15.0, 3.0, -0.9, 4.0, 1.8, 1.5, 0.0]), 0.0)
            return TrackingStep((replace(track, unseen_s=1e-9 * stamp_ns),), np.eye(4))

    tracks = track_detections(Predicting(), sequences[0].detections("simulated"), 10)
    np.testing.assert_array_equal(tracks.frames, [0, 1])


def test_speeds_are_over_ground(drive: Path) -> None:
    poses = np.stack([se3.from_planar(0.8 * k, 0.0, 0.0) for k in range(30)])  # 8 m/s ahead
    frames = np.arange(30)
    boxes = np.zeros((30, 7))
    boxes[:, 0] = 20.0 + 0.1 * (2.0 - 8.0) * frames  # and the object at 2 m/s
    whole = np.zeros(30, np.int64)
    truth = KittiObjects(frames, ("Car",) * 30, boxes, np.zeros((30, 4)), whole, whole, whole, np.full(30, np.nan))
    speeds = speeds_over_ground(truth, poses)
    np.testing.assert_allclose(speeds[1:-1], 2.0)
    assert np.isnan(speeds[[0, -1]]).all()


def test_turned_detections_have_turned_tracks(
    baseline: ClassResult, sequences: list[KittiTracking], drive: Path
) -> None:
    turned = measure(sequences, "simulated", "Car", IOUS, lambda: TurnedDetections(BaselineTracker(), 2.0))
    found = turn_figures(baseline, turned)
    assert found["turn_error_m"] < 1e-9
    assert found["turn_within_1_mm"] == 1.0

    class Rigid:
        """Reports a car at a fixed place in its base frame, whatever it is given: it does not turn."""

        def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
            box = np.array([15.0, 3.0, -0.9, 4.0, 1.8, 1.5, 0.0])
            return TrackingStep((_track(1, "car", box, 0.0),), np.eye(4))

    straight = measure(sequences, "simulated", "Car", IOUS, Rigid)
    turned = measure(sequences, "simulated", "Car", IOUS, lambda: TurnedDetections(Rigid(), 0.1))
    assert turn_figures(straight, turned)["turn_error_m"] == pytest.approx(np.hypot(15.0, 3.0) * 0.1, rel=1e-3)


def test_a_turned_sensor_sees_turned_points_from_where_it_is(drive: Path) -> None:
    given: list[tuple[Array, Array, Array]] = []

    class Witness:
        def process_scan(
            self, points: Array, stamp_ns: int, T_odom_base: Array | None, origin: Array, offsets_s: Array | None
        ) -> TrackingStep:
            assert T_odom_base is not None
            given.append((points, T_odom_base, origin))
            return TrackingStep((), T_odom_base)

    points, pose, origin = np.array([[1.0, 2.0, 3.0]]), se3.from_planar(4.0, 5.0, 0.6), np.array([0.5, 0.0, 1.0])
    step = TurnedScans(Witness(), 0.9).process_scan(points, 0, pose, origin, None)
    seen, T_odom_turned, seen_from = given[0]
    np.testing.assert_allclose(se3.apply(T_odom_turned, seen), se3.apply(pose, points))
    np.testing.assert_allclose(se3.apply(T_odom_turned, seen_from[None]), se3.apply(pose, origin[None]))
    np.testing.assert_allclose(step.T_odom_base, pose, atol=1e-12)


def test_the_page_has_figures_objects_and_misses_and_loads_nothing_from_outside(
    baseline: ClassResult, tmp_path: Path
) -> None:
    found = figures(baseline)
    result = {
        "data": "a <drive>",
        "date": "today",
        "commit": "abc123",
        "isometry": "0",
        "model": {"name": "baseline", "sha256": ""},
        "machine": {},
        "libraries": {},
        "frames_per_second": 1000.0,
        "classes": {"Car": found},
    } | {name: found["ious"]["0.25"][name] for name in ("sAMOTA", "MOTA", "HOTA", "IDF1", "id_switches")}
    text = write_report(tmp_path / "out/page.html", result, [baseline]).read_text()
    for wanted in (
        "abc123",
        "a &lt;drive&gt;",
        "Over recall",
        "By sequence",
        "Sequence 0001 from above",
        "A miss: Car",
    ):
        assert wanted in text, wanted
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)


@pytest.mark.slow
def test_on_real_detections_the_tracker_beats_the_baseline_and_turns_with_the_scene(kitti_tracking: Path) -> None:
    """All classes are tracked together, and judged one by one."""
    parameters = TrackingParameters(detector="pointrcnn")
    sequences = [KittiTracking(kitti_tracking, name) for name in ("0", "4", "5", "17")]

    def judged(label: str, ious: Sequence[float], tracks: Sequence[Tracks]) -> ClassResult:
        return judge(sequences[: len(tracks)], "pointrcnn", label, ious, tracks)

    upright = follow(sequences, "pointrcnn", lambda: Tracker(parameters))
    plain = follow(sequences, "pointrcnn", BaselineTracker)
    for label, ious in {"Car": IOUS, "Pedestrian": (0.25,), "Cyclist": (0.25,)}.items():
        ours, theirs = (judged(label, ious, tracks).curves for tracks in (upright, plain))
        for iou in ious:
            assert ours[iou].sAMOTA > theirs[iou].sAMOTA, label
            assert ours[iou].best.MOTA > theirs[iou].best.MOTA, label

    def turned_tracker() -> FollowsDetections:
        return TurnedDetections(Tracker(parameters), np.radians(77.0))

    turned = follow(sequences[:2], "pointrcnn", turned_tracker)
    for label in ("Car", "Pedestrian", "Cyclist"):
        found = turn_figures(judged(label, IOUS, upright[:2]), judged(label, IOUS, turned))
        assert found["turn_error_m"] < 1e-3


def test_positions_and_confidences_are_held_against_the_labels(sequences: list[KittiTracking]) -> None:
    class Copying:
        """Reports each detection as a track, with a standard deviation of 0.2 m along x and of 1 mm along y."""

        def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
            rows = zip(detections.labels, detections.boxes, strict=True)
            tracks = [_track(k, label, box, 0.0) for k, (label, box) in enumerate(rows)]
            covariance = np.diag([0.2**2, 1e-6, 1.0, 1.0])
            return TrackingStep(tuple(replace(t, covariance=covariance, confidence=0.9) for t in tracks), np.eye(4))

    result = measure(sequences, "simulated", "Car", [0.25], Copying)
    found = calibration(result.runs, 0.25)
    assert found.inside_2_sigma is not None
    assert found.inside_2_sigma[0] > 0.99
    assert found.inside_2_sigma[1] < 0.03
    assert found.confidence_error == pytest.approx(result.curves[0.25].best.precision - 0.9)
    assert figures(result)["honesty"] == {
        "confidence_error": found.confidence_error,
        "inside_2_sigma": found.inside_2_sigma,
    }


def test_scores_of_a_plain_tracker_are_no_confidences(sequences: list[KittiTracking]) -> None:
    class Raw(BaselineTracker):
        """Has the scores of a detector that are of any size."""

        def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None) -> TrackingStep:
            return super().process(replace(detections, scores=10.0 * detections.scores), stamp_ns)

    baseline = measure(sequences, "simulated", "Car", IOUS, Raw)
    found = calibration(baseline.runs, 0.25)
    assert found.confidence_error is None
    assert found.inside_2_sigma is not None
    assert min(found.inside_2_sigma) > 0.95
    assert "confidence_error" not in figures(baseline)["honesty"]
