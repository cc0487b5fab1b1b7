from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.reader import read_poses
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.replay.place_recognition.judgement import Judgement, figures, judge, precision_recall
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.geometry import se3
from isometry.place_recognition.mapping import PlaceMapperParameters


def judged(bag: Path, recording: PlaceRecognitionRecording) -> Judgement:
    judgement = judge(bag, recording, PlaceMapperParameters())
    assert judgement is not None
    return judgement


def test_a_perfect_answer_has_perfect_figures(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    measured = figures(perfect, judged(square_bag, perfect))
    assert measured["recall_at_1"] == measured["recall_at_1_retrieval"] == measured["pose_success"] == 1.0
    assert measured["wrong_accepted"] == measured["drops"] == 0
    assert measured["translation_error_m"]["median"] == pytest.approx(0.0, abs=1e-6)
    assert measured["path_error_m"] == pytest.approx(0.0, abs=1e-6)
    assert measured["odometry_path_error_m"] > 0.5
    assert measured["latency_p50_ms"] == pytest.approx(15.0)


def test_only_places_old_and_far_enough_back_are_revisits(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    lap = len(perfect.scan_stamps_ns) // 2
    judgement = judged(square_bag, perfect)
    np.testing.assert_array_equal(np.flatnonzero(judgement.has_revisit), np.arange(lap - 4, 2 * lap))
    never = judge(square_bag, perfect, PlaceMapperParameters(loop_min_age=1000.0))
    assert never is not None
    assert not never.has_revisit.any()


def test_a_wrong_pose_counts_as_wrong_though_the_place_is_right(
    square_bag: Path, perfect: PlaceRecognitionRecording
) -> None:
    T = perfect.T_keyframe_query.copy()
    T[100] = se3.from_planar(3.0, 0.0, 0.0)
    T[120] = se3.from_planar(0.0, 0.0, np.radians(10.0))
    recording = replace(perfect, T_keyframe_query=T)
    judgement = judged(square_bag, recording)
    assert judgement.translation_error_m[100] == pytest.approx(3.0)
    assert judgement.rotation_error_deg[120] == pytest.approx(10.0)
    measured = figures(recording, judgement)
    assert measured["recall_at_1"] == 1.0
    assert measured["wrong_accepted"] == pytest.approx(2 / 160)
    assert measured["pose_success"] == pytest.approx(1.0 - 2 / 84)


def test_missed_and_misplaced_revisits_lower_the_recall(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    keyframes, accepted = perfect.keyframes.copy(), perfect.accepted.copy()
    keyframes[100] = 50  # another side of the square
    accepted[101] = False
    recording = replace(perfect, keyframes=keyframes, accepted=accepted)
    judgement = judged(square_bag, recording)
    revisits = int(judgement.has_revisit.sum())
    measured = figures(recording, judgement)
    assert measured["recall_at_1_retrieval"] == 1.0
    assert measured["recall_at_1"] == pytest.approx(1.0 - 1 / revisits)
    assert measured["recall_at_1_accepted"] == pytest.approx(1.0 - 2 / revisits)


def test_precision_and_recall_follow_the_confidence(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    keyframes = perfect.keyframes.copy()
    confidences = np.linspace(0.0, 1.0, len(keyframes))
    keyframes[:80] = 40  # wrong, and less confident than the right ones
    keyframes[40] = -1
    recording = replace(perfect, keyframes=keyframes, confidences=confidences)
    judgement = judged(square_bag, recording)
    threshold, precision, recall = precision_recall(recording, judgement)
    assert (np.diff(threshold) < 0.0).all()
    assert (np.diff(recall) >= 0.0).all()
    confident = threshold >= confidences[80]
    assert (precision[confident] == 1.0).all()
    assert precision[-1] < 0.6


def test_scans_without_answer_are_drops_and_refusals(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    kept = np.arange(len(perfect.answer_stamps_ns)) % 10 != 0
    names = "answer_stamps_ns latency_s accepted reasons keyframes confidences first_candidates T_keyframe_query"
    fewer = {name: getattr(perfect, name)[kept] for name in names.split()}
    counts = {"received": "157", "processed": "149", "refused": "5", "drops": "8"}
    recording = replace(perfect, **fewer, diagnostics=counts)
    measured = figures(recording, judged(square_bag, recording))
    assert measured["refused"] == 5
    assert measured["drops"] == 11  # 3 lost on the way, 8 dropped by the node


def test_a_bag_without_truth_is_not_judged(
    square_bag: Path, perfect: PlaceRecognitionRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isometry.evaluation.replay.truth.GROUND_TRUTH", "/not/there")
    assert judge(square_bag, perfect, PlaceMapperParameters(), "/not/there") is None
    measured = figures(perfect, None)
    assert measured["judged"] is False
    assert measured["latency_p99_ms"] > 0.0


def test_nothing_answered_is_judged_without_failing(square_bag: Path, perfect: PlaceRecognitionRecording) -> None:
    names = "answer_stamps_ns latency_s accepted reasons keyframes confidences first_candidates T_keyframe_query"
    recording = replace(perfect, **{name: getattr(perfect, name)[:0] for name in names.split()})
    measured = figures(recording, judged(square_bag, recording))
    assert measured["answered"] == 0
    assert measured["recall_at_1"] is None
    assert measured["latency_p50_ms"] is None


def test_poses_between_two_samples_lie_between_them(square_bag: Path, square_drive: KittiOdometry) -> None:
    poses = read_poses(square_bag, "/ground_truth/pose")
    between = poses.at(np.array([poses.stamps_ns[3] + 250_000_000]))
    np.testing.assert_allclose(between[0], se3.from_planar(3.25, 0.0, 0.0), atol=1e-9)
    path = read_transforms(square_bag).path("odom", "base_link")
    np.testing.assert_allclose(path.poses, read_poses(square_bag, "/odom").poses, atol=1e-9)
