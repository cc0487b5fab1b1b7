"""Whole registrations of simulated scans, turned any way."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.frames import canonical
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud, Hypotheses, Registration
from isometry.simulation.pairs import simulated_pair

PARAMETERS = RegistrationParameters()


def clouds(pair: ScanPair, turn: np.ndarray) -> tuple[Cloud, Cloud, np.ndarray]:
    """Target, turned source, and the true transform."""
    T_turned_source = se3.from_rotation_translation(turn, np.zeros(3))
    target = prepare(pair.target, PARAMETERS, np.zeros(3))
    source = prepare(pair.source @ turn.T.astype(np.float32), PARAMETERS, np.zeros(3))
    return target, source, pair.T_target_source @ se3.inverse(T_turned_source)


def errors(found: Registration, truth: np.ndarray) -> tuple[float, float]:
    """Degrees and metres."""
    between = se3.inverse(truth) @ found.T_target_source
    shift = found.T_target_source[:3, 3] - truth[:3, 3]
    return np.degrees(se3.rotation_angle(between)), float(np.linalg.norm(shift))


@pytest.fixture(scope="module")
def upright() -> Registrar:
    return load_registrar("upright")


def test_two_scans_are_registered_whichever_way_the_source_is_turned(
    upright: Registrar, street: ScanPair, turns: list[np.ndarray]
) -> None:
    for turn in turns:
        target, source, truth = clouds(street, turn)
        found = upright.register(target, source)
        degrees, metres = errors(found, truth)
        assert found.accepted
        assert found.reason == "ok"
        assert found.proposed_by == "upright"
        assert degrees < 0.1
        assert metres < 0.03


def test_the_errors_lie_within_the_covariance(upright: Registrar, street: ScanPair, turns: list[np.ndarray]) -> None:
    target, source, truth = clouds(street, turns[1])
    found = upright.register(target, source)
    assert np.allclose(found.covariance, found.covariance.T)
    assert np.linalg.eigvalsh(found.covariance).min() > 0.0
    shift = found.T_target_source[:3, 3] - truth[:3, 3]
    assert shift @ np.linalg.inv(found.covariance[:3, :3]) @ shift < 16.0


def test_a_guess_is_refined(upright: Registrar, street: ScanPair) -> None:
    target, source, truth = clouds(street, np.eye(3))
    found = upright.refine(target, source, truth @ se3.from_planar(0.5, -0.4, 0.03))
    assert found.proposed_by == "initial"
    degrees, metres = errors(found, truth)
    assert degrees < 0.1
    assert metres < 0.03


def test_scans_of_two_places_are_refused(upright: Registrar, street: ScanPair) -> None:
    elsewhere = simulated_pair("street", 2001)
    target = prepare(street.target, PARAMETERS, np.zeros(3))
    source = prepare(elsewhere.source, PARAMETERS, np.zeros(3))
    found = upright.register(target, source)
    assert not found.accepted
    assert found.reason == "low_confidence"
    assert found.confidence < PARAMETERS.least_confidence


def test_without_a_hypothesis_there_is_no_answer(street: ScanPair) -> None:
    target, source, _ = clouds(street, np.eye(3))
    found = Registrar([], PARAMETERS).register(target, source)
    assert not found.accepted
    assert found.reason == "no_hypothesis"
    assert found.confidence == 0.0


def test_the_same_pair_gives_the_same_answer_and_stays_as_it_was(upright: Registrar, street: ScanPair) -> None:
    target, source, _ = clouds(street, np.eye(3))
    before = source.points.copy()
    first, second = upright.register(target, source), upright.register(target, source)
    assert np.array_equal(first.T_target_source, second.T_target_source)
    assert first.confidence == second.confidence
    assert np.array_equal(source.points, before)


def test_a_source_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="sideways"):
        load_registrar("sideways")


def test_parameters_outside_their_range_are_named() -> None:
    with pytest.raises(ValueError, match="least_confidence"):
        load_registrar("upright", RegistrationParameters(least_confidence=2.0))


class InRounds:
    """Proposes one transform after the other, given in the frames of two clouds."""

    name = "in rounds"

    def __init__(self, target: Cloud, source: Cloud, *transforms: np.ndarray) -> None:
        T_target, T_source = (canonical(cloud).T_given_canonical for cloud in (target, source))
        self.transforms = [se3.inverse(T_target) @ T @ T_source for T in transforms]

    def propose(self, target: Cloud, source: Cloud) -> Iterator[Hypotheses]:
        for T in self.transforms:
            yield Hypotheses(T[None], np.ones(1), self.name)


def test_after_the_deadline_no_further_hypotheses_are_sought(street: ScanPair) -> None:
    target, source, truth = clouds(street, np.eye(3))
    registrar = Registrar([InRounds(target, source, se3.from_planar(30.0, 20.0, 1.0), truth)], PARAMETERS)
    assert registrar.register(target, source).accepted
    late = registrar.register(target, source, deadline_s=time.perf_counter())
    assert not late.accepted
    assert late.reason == "out_of_time"


def test_what_was_accepted_before_the_deadline_counts(street: ScanPair) -> None:
    target, source, truth = clouds(street, np.eye(3))
    registrar = Registrar([InRounds(target, source, truth)], RegistrationParameters(beyond_doubt=1.0))
    found = registrar.register(target, source, deadline_s=time.perf_counter())
    assert found.accepted
    assert found.reason == "ok"
