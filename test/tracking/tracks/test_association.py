"""Pairs of tracks and detections."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.tracking.tracks.association import assigned, possible_pairs
from isometry.tracking.tracks.motion_models import STATIONARY, VELOCITY, X
from isometry.tracking.tracks.observations import Observations, observed
from isometry.tracking.tracks.track_table import TrackTable
from isometry.tracking.tracks.track_updates import new_tracks, predicted
from isometry.tracking.types import Detections

SIZES = {"car": (4.0, 1.8, 1.6), "van": (4.6, 1.9, 1.9), "pedestrian": (0.6, 0.6, 1.7)}


def seen_at(*places: tuple[float, float], label: str = "car") -> Observations:
    boxes = np.array([[x, y, 0.8, *SIZES[label], 0.0] for x, y in places]).reshape(-1, 7)
    return observed(Detections(boxes, np.full(len(boxes), 0.9), (label,) * len(boxes)), "any", 0)


def tracks_at(*places: tuple[float, float], variance: float = 0.1, label: str = "car") -> TrackTable:
    """Tracks that stand, whose positions have a variance along x and y."""
    seen = seen_at(*places, label=label)
    tracks = new_tracks(seen, None, 1, 0, True)
    tracks.motion.covariance[:, :, X, X] = variance * np.eye(2)
    tracks.motion.score[VELOCITY:] = -1e9
    tracks.confidence[:] = 0.9
    return tracks


def pairs(tracks: TrackTable, seen: Observations) -> set[tuple[int, int]]:
    found = assigned(possible_pairs(tracks, np.zeros(len(tracks)), seen), tracks, seen)
    return {(int(a), int(b)) for a, b in zip(found.tracks, found.observations, strict=True)}


def test_what_is_out_of_reach_is_not_paired() -> None:
    assert pairs(tracks_at((0, 0), (50, 0)), seen_at((0.3, 0), (20, 0))) == {(0, 0)}
    assert pairs(tracks_at(), seen_at((1, 1))) == set()
    assert pairs(tracks_at((1, 1)), seen_at()) == set()


@pytest.mark.parametrize(
    ("track", "detection", "paired"),
    [("car", "car", True), ("car", "van", True), ("car", "pedestrian", False), ("pedestrian", "car", False)],
)
def test_only_classes_of_boxes_that_are_alike_are_confused(track: str, detection: str, paired: bool) -> None:
    assert bool(pairs(tracks_at((0, 0), label=track), seen_at((0.1, 0), label=detection))) is paired


def test_the_detection_of_the_own_class_is_taken_before_another() -> None:
    seen = observed(
        Detections(
            np.concatenate([seen_at((0.3, 0.0)).found.boxes, seen_at((-0.3, 9.0), label="van").found.boxes]),
            np.full(2, 0.9),
            ("car", "van"),
        ),
        "any",
        0,
    )
    seen.found.boxes[1, 1] = 0.0
    assert pairs(tracks_at((0, 0), label="van"), seen) == {(0, 1)}


def test_a_long_followed_track_keeps_its_detection() -> None:
    """A young track reaches far and would have both paired; the detection is where the old one is expected."""
    tracks = TrackTable.joined(tracks_at((0, 0)), tracks_at((0.1, 0)))
    tracks.motion.covariance[:, 1, X, X] = np.eye(2)
    tracks.confidence[:] = [0.95, 0.05]
    assert (0, 0) in pairs(tracks, seen_at((0.0, 0), (2.5, 0)))


def test_total_likelihood_is_the_largest_of_all_assignments() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        expected, found = ([tuple(place) for place in 6.0 * rng.uniform(0.0, 30.0, (4, 2))] for _ in range(2))
        seen = seen_at(*found)
        seen.found.boxes[:, 2] = 9.0  # no boxes overlap
        distance = ((np.array(expected)[:, None] - np.array(found)[None]) ** 2).sum(-1)
        best = min(permutations(range(4)), key=lambda order: distance[range(4), list(order)].sum())
        assert pairs(tracks_at(*expected, variance=1e4), seen) == set(enumerate(best))


def test_the_box_that_overlaps_is_taken_before_the_one_beside() -> None:
    assert pairs(tracks_at((0, 0), variance=1.0), seen_at((0.0, 2.0), (2.0, 0.0))) == {(0, 1)}


def test_the_reach_of_a_new_track_grows_with_the_time_that_passes() -> None:
    new = new_tracks(seen_at((0, 0)), None, 1, 0, True)

    def reached(distance_m: float, elapsed_s: float) -> bool:
        return bool(pairs(predicted(new, elapsed_s), seen_at((distance_m, 0))))

    assert [reached(3.0, elapsed_s) for elapsed_s in (0.01, 0.1)] == [False, True]
    assert [reached(15.0, elapsed_s) for elapsed_s in (0.1, 0.5)] == [False, True]
    assert not reached(150.0, 0.5)  # no car is as fast


def test_likelihood_is_the_mixture_of_the_motion_models() -> None:
    """An independent oracle: the sum of the densities, written out."""
    tracks = predicted(new_tracks(seen_at((0, 0)), None, 1, 0, True), 0.2)
    place = np.array([1.5, -0.5])
    found = possible_pairs(tracks, np.full(1, 0.3), seen_at((1.5, -0.5)))

    def density(covariance: Array) -> float:
        variance = covariance[0, 0] + 0.3**2 + 0.15**2
        return float(np.exp(-0.5 * place @ place / variance) / (2.0 * np.pi * variance))

    weights = np.exp([0.0, -1.0, -2.0]) / np.exp([0.0, -1.0, -2.0]).sum()
    densities = [density(tracks.motion.covariance[model, 0]) for model in range(3)]
    assert densities[STATIONARY] < densities[VELOCITY]
    assert found.log_likelihood[0] == pytest.approx(np.log(weights @ densities))
