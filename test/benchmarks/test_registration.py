"""The pair that the benchmark registers, and the others that it is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.registration import APART_M, POINTS, FixedHypotheses, fpfh_ransac, gicp, turned_pair
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.measure import scan_criterion
from isometry.geometry import se3
from isometry.registration.frames import canonical
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Hypotheses


@pytest.fixture(scope="module")
def pair() -> ScanPair:
    return turned_pair()


def test_the_pair_is_what_the_table_says(pair: ScanPair) -> None:
    assert len(pair.target) == len(pair.source) == POINTS
    assert np.linalg.norm(pair.T_target_source[:3, 3]) == pytest.approx(APART_M, abs=1.0)
    assert np.degrees(se3.rotation_angle(pair.T_target_source)) > 20.0


def test_small_gicp_aligns_the_pair_from_the_guess(pair: ScanPair) -> None:
    found = gicp(pair, pair.T_target_source @ se3.from_planar(0.5, 0.3, 0.03))
    assert scan_criterion(pair.T_target_source)(np.asarray(found.T_target_source))


def test_hypotheses_that_were_kept_are_verified_as_if_they_were_new(pair: ScanPair) -> None:
    parameters = RegistrationParameters()
    target, source = (prepare(cloud, parameters, np.zeros(3)) for cloud in (pair.target, pair.source))
    wrong = pair.T_target_source @ se3.from_planar(15.0, 0.0, 2.0)
    near = pair.T_target_source @ se3.from_planar(0.3, 0.0, 0.02)
    there, here = (canonical(cloud).T_given_canonical for cloud in (target, source))  # in which hypotheses are made
    hypotheses = se3.inverse(there) @ np.array([wrong, near]) @ here
    fixed = FixedHypotheses([Hypotheses(hypotheses, np.ones(2), "kept")])
    found = Registrar([fixed], parameters).register(target, source)
    assert scan_criterion(pair.T_target_source)(found.T_target_source)


@pytest.mark.slow
def test_the_peer_without_a_guess_runs_to_its_end(pair: ScanPair) -> None:
    assert np.isfinite(np.asarray(fpfh_ransac(pair).transformation)).all()
