"""Hypotheses of standing two clouds upright."""

import numpy as np
import pytest

from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import at_resolution, prepare
from isometry.registration.types import Cloud, Hypotheses
from isometry.registration.upright.proposer import UprightProposer

UP = np.array([0.0, 0.0, 1.0])


def clouds(pair: ScanPair, turn: np.ndarray, up: tuple[bool, bool]) -> tuple[Cloud, Cloud, np.ndarray]:
    """Target, turned source, with or without their vertical, and the true transform."""
    T_turned_source = se3.from_rotation_translation(turn, np.zeros(3))
    points = pair.target.astype(float), se3.apply(T_turned_source, pair.source.astype(float))
    verticals = UP if up[0] else None, turn @ UP if up[1] else None
    prepared = [
        prepare(cloud, RegistrationParameters(), np.zeros(3), vertical)
        for cloud, vertical in zip(points, verticals, strict=True)
    ]
    resolution = max(cloud.resolution for cloud in prepared)
    target, source = (at_resolution(cloud, resolution) for cloud in prepared)
    return target, source, pair.T_target_source @ se3.inverse(T_turned_source)


def nearest(found: Hypotheses, truth: np.ndarray) -> tuple[float, float]:
    """Degrees and metres of the hypothesis that is nearest to the truth."""
    between = se3.inverse(truth) @ found.T_target_source
    degrees = np.degrees([se3.rotation_angle(each) for each in between])
    metres = np.linalg.norm(found.T_target_source[:, :3, 3] - truth[:3, 3], axis=1)
    best = int((degrees + 5.0 * metres).argmin())
    return float(degrees[best]), float(metres[best])


@pytest.mark.parametrize("up", [(False, False), (True, False), (True, True)])
def test_the_truth_is_among_the_first_hypotheses(
    street: ScanPair, turns: list[np.ndarray], up: tuple[bool, bool]
) -> None:
    for turn in turns:
        target, source, truth = clouds(street, turn, up)
        degrees, metres = nearest(next(iter(UprightProposer().propose(target, source))), truth)
        assert degrees < 8.0
        assert metres < 3.0


def test_where_both_verticals_are_known_nothing_else_is_tried(street: ScanPair, turns: list[np.ndarray]) -> None:
    target, source, _ = clouds(street, turns[1], (True, True))
    (only,) = UprightProposer().propose(target, source)
    vertical = only.T_target_source[:, :3, :3] @ (turns[1] @ UP)
    assert np.allclose(vertical, UP, atol=1e-9)


def test_hypotheses_are_rigid_and_have_support(street: ScanPair) -> None:
    target, source, _ = clouds(street, np.eye(3), (False, False))
    for found in UprightProposer().propose(target, source):
        rotation = found.T_target_source[:, :3, :3]
        assert np.allclose(rotation @ rotation.swapaxes(1, 2), np.eye(3), atol=1e-9)
        assert np.allclose(np.linalg.det(rotation), 1.0)
        assert len(found.support) == len(rotation)
        assert found.proposed_by == "upright"
