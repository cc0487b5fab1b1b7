"""What keeps a detection from being used, and other small parts of tracks."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.tracking.detection.detector_models import (
    MODELS,
    confidence,
    detector_model,
    detector_named,
    evidence_of,
)
from isometry.tracking.detection.usable import usable
from isometry.tracking.prediction.path_history import PathHistory
from isometry.tracking.prediction.predictor import HISTORY
from isometry.tracking.tracks.box_filter import as_expected, blended
from isometry.tracking.types import Detections, Track


def detections(count: int) -> Detections:
    boxes = np.tile([0.0, 0.0, 0.8, 4.0, 1.8, 1.5, 0.1], (count, 1))
    return Detections(boxes, np.linspace(0.1, 0.9, count), ("car",) * count)


def track(number: int, x: float) -> Track:
    box = np.array([x, 2.0 * x, 0.8, 4.0, 1.8, 1.5, 0.0])
    return Track(number, "car", box, np.zeros(2), 0.0, np.eye(4), 0.9, "stationary", 3, 1.0, 0.0)


def test_reasons_are_counted_one_by_one() -> None:
    found = detections(7)
    found.boxes[0, 2], found.boxes[1, 4], found.boxes[2, 3], found.boxes[3, 1] = np.nan, 0.0, 500.0, -1e9
    left, reasons = usable(found, 2)
    assert reasons == (
        "1 detections not finite",
        "2 detections of a size outside 0.01 to 100 m",
        "1 detections further away than 10000 m",
        "1 detections beyond the 2 surest",
    )
    np.testing.assert_allclose(left.scores, found.scores[5:])


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (80.0, "of a score outside 0 to 1"),
        (-2.0, "of a score outside 0 to 1"),
        (0.0, "of score 0"),
        (np.nan, "not finite"),
    ],
)
def test_scores_that_are_no_shares_are_left_out_by_name(score: float, why: str) -> None:
    found = detections(3)
    found.scores[1] = score
    left, (reason,) = usable(found, 5, scores_are_shares=True)
    assert reason.startswith("1 detections " + why)
    np.testing.assert_array_equal(left.scores, found.scores[[0, 2]])


def test_log_odds_are_used_as_they_are() -> None:
    found = detections(3)
    found.scores[:] = [-2.0, 0.0, 13.0]
    assert len(usable(found, 5)[0]) == 3


def test_none_at_all_is_fine() -> None:
    left, reasons = usable(detections(0), 5)
    assert len(left) == 0
    assert reasons == ()


@pytest.mark.parametrize(("turns", "swapped"), [(0, False), (1, True), (2, False), (3, True)])
def test_a_cluster_is_described_by_the_expected_yaw(turns: int, swapped: bool) -> None:
    found = detections(1)
    found = Detections(found.boxes, found.scores, found.labels, headings_known=False)
    described = as_expected(found, np.array([0.15 + turns * np.pi / 2]))
    assert bool(described[0, 3] == 1.8) is swapped
    assert np.cos(described[0, 6] - 0.1 - turns * np.pi / 2) == pytest.approx(1.0)


def test_sizes_settle_to_the_mean_and_yaw_goes_the_short_way_round() -> None:
    rest = np.array([[0.8, 4.0, 1.8, 1.5, np.pi - 0.05]])
    found = np.array([[0.0, 0.0, 0.8, 5.0, 1.8, 1.5, -np.pi + 0.05]])
    after = blended(rest, found, np.array([2]), np.array([[0.1, 0.1, 0.1]]))
    np.testing.assert_allclose(after[0], [0.8, 4.5, 1.8, 1.5, np.pi])


def test_confidence_is_a_logistic_of_what_was_seen() -> None:
    weights = np.array([[-1.0, 0.25, 2.0, 0.01]])
    found = confidence(weights, evidence_of(np.array([4.0]), np.array([3]), np.array([10.0])))
    assert found[0] == pytest.approx(1.0 / (1.0 + np.exp(-(-1.0 + 1.0 + 2.0 * np.log(3) + 0.1))))


def test_more_than_ten_detections_tell_nothing_new() -> None:
    short, long = evidence_of(np.array([4.0, 4.0]), np.array([10, 300]), np.array([10.0, 10.0]))
    np.testing.assert_array_equal(short, long)


def test_detectors_are_known_by_name() -> None:
    assert detector_named("pointrcnn_Car_val") == "pointrcnn"
    assert detector_named("mine") == "any"
    assert detector_model("pointrcnn", "Car") is MODELS["pointrcnn"]["car"]
    with pytest.raises(ValueError, match="only any, clusters, pointrcnn"):
        detector_model("nobody", "car")


def test_histories_are_even_in_time_and_unknown_before_the_first_sight() -> None:
    history = PathHistory()
    stamps_ns = [0, 70_000_000, 190_000_000, 320_000_000, 400_000_000]
    for stamp_ns in stamps_ns:
        history.add([track(7, stamp_ns * 1e-9)], stamp_ns)
    (found,) = history.resampled([track(7, 0.4)], stamps_ns[-1])
    assert found.shape == (HISTORY, 2)
    np.testing.assert_allclose(found[-5:], [[0.0, 0.0], [0.1, 0.2], [0.2, 0.4], [0.3, 0.6], [0.4, 0.8]], atol=1e-9)
    assert np.isnan(found[:-5]).all()


def test_histories_end_with_their_tracks() -> None:
    history = PathHistory()
    history.add([track(1, 0.0), track(2, 0.0)], 0)
    history.add([track(2, 0.1)], 100_000_000)
    with pytest.raises(KeyError):
        history.resampled([track(1, 0.0)], 100_000_000)
