"""Pairs of tracks and detections."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from isometry.arrays import Array
from isometry.tracking.tracks.association import associate


def boxes_at(*places: tuple[float, float]) -> Array:
    return np.array([[x, y, 0.8, 4.0, 1.8, 1.6, 0.0] for x, y in places]).reshape(-1, 7)


def pairs(expected: Array, found: Array, variances: Array, confidence: Array | None = None) -> set[tuple[int, int]]:
    confident = np.full(len(expected), 0.9) if confidence is None else confidence
    tracks, detections = associate(expected, variances, confident, found, np.ones((len(expected), len(found)), bool))
    return {(int(a), int(b)) for a, b in zip(tracks, detections, strict=True)}


def test_what_is_out_of_reach_is_not_paired() -> None:
    assert pairs(boxes_at((0, 0), (50, 0)), boxes_at((0.3, 0), (20, 0)), np.full(2, 0.1)) == {(0, 0)}
    assert pairs(boxes_at(), boxes_at((1, 1)), np.zeros(0)) == set()
    assert pairs(boxes_at((1, 1)), boxes_at(), np.ones(1)) == set()


def test_what_is_not_possible_is_not_paired() -> None:
    tracks, _ = associate(boxes_at((0, 0)), np.ones(1), np.ones(1), boxes_at((0, 0)), np.zeros((1, 1), bool))
    assert len(tracks) == 0


def test_a_long_followed_track_keeps_its_detection() -> None:
    """A young track reaches far and would have both paired; the detection is where the old one is expected."""
    expected, found = boxes_at((0, 0), (0.1, 0)), boxes_at((0.0, 0), (2.5, 0))
    assert (0, 0) in pairs(expected, found, np.array([0.1, 1.0]), np.array([0.95, 0.05]))


def test_total_likelihood_is_the_largest_of_all_assignments() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        expected, found = (boxes_at(*rng.uniform(0.0, 30.0, (4, 2))) for _ in range(2))
        found[:, 2] = 9.0
        variances = np.full(4, 1e4)  # all are in reach, and no boxes overlap by much
        distance = ((expected[:, None, :2] - found[None, :, :2]) ** 2).sum(-1)
        best = min(permutations(range(4)), key=lambda order: distance[range(4), list(order)].sum())
        chosen = pairs(expected, found, variances)
        assert chosen == set(enumerate(best))


def test_the_box_that_overlaps_is_taken_before_the_one_beside() -> None:
    lying, beside = boxes_at((0.9, 0.0)), boxes_at((0.0, 0.9))
    assert pairs(boxes_at((0, 0)), np.concatenate([beside, lying]), np.ones(1)) == {(0, 1)}
