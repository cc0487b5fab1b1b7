"""Pairs of scans so many scans apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.scans import ScanSequence, open_scans
from isometry.evaluation.registration.gaps import GapProtocol
from isometry.geometry import se3


@pytest.fixture(scope="module")
def scans(simulated_kitti: Path) -> ScanSequence:
    return open_scans(simulated_kitti, "00")


def test_all_pairs_of_every_gap_are_there(scans: ScanSequence) -> None:
    protocol = GapProtocol((2, 5), every=3)
    cases = list(protocol.cases(scans))
    assert len(cases) == protocol.count(12) == 7
    assert sorted((case.group, case.target, case.source) for case in cases) == [
        *(("2", k, k + 2) for k in (0, 3, 6, 9)),
        *(("5", k, k + 5) for k in (0, 3, 6)),
    ]


def test_the_truth_puts_the_turned_source_where_it_was_scanned(scans: ScanSequence) -> None:
    for case in GapProtocol((3,)).cases(scans):
        in_world = se3.apply(scans.poses[case.target] @ case.pair.T_target_source, case.pair.source.astype(float))
        true = se3.apply(scans.poses[case.source], scans.scan(case.source)[:, :3].astype(float))
        np.testing.assert_allclose(in_world, true, atol=1e-3)
        np.testing.assert_array_equal(case.pair.target, scans.scan(case.target)[:, :3])
        assert case.is_right(case.pair.T_target_source)
        assert not case.is_right(np.eye(4))


def test_a_pair_has_the_same_turn_whatever_else_is_measured(scans: ScanSequence) -> None:
    def transforms(protocol: GapProtocol) -> dict[tuple[int, int], np.ndarray]:
        return {(case.target, case.source): case.pair.T_target_source for case in protocol.cases(scans)}

    all_of_them, some = transforms(GapProtocol((4, 2))), transforms(GapProtocol((2,), every=4))
    for pair, T in some.items():
        np.testing.assert_array_equal(T, all_of_them[pair])
    turns = np.array(list(all_of_them.values()))[:, :3, :3].reshape(-1, 9)
    assert len(np.unique(turns.round(6), axis=0)) == len(turns)
    other_seed = transforms(GapProtocol((2,), seed=1))
    assert not np.allclose(other_seed[0, 2], some[0, 2])


def test_scans_without_ground_are_the_same_scans_with_fewer_points(scans: ScanSequence) -> None:
    whole, rest = (next(GapProtocol((1,), drop_ground=drop).cases(scans)) for drop in (False, True))
    np.testing.assert_array_equal(whole.pair.T_target_source, rest.pair.T_target_source)
    kept = {tuple(point) for point in rest.pair.target}
    assert kept < {tuple(point) for point in whole.pair.target}
    assert len(kept) > 200
    assert np.mean(whole.pair.target[:, 2] < -1.5) > 0.2  # the sensor is 1.73 m up
    assert np.mean(rest.pair.target[:, 2] < -1.5) < 0.01


@pytest.mark.parametrize("gap", [12, 400, 0, -3])
def test_a_gap_that_no_pair_has_is_refused(scans: ScanSequence, gap: int) -> None:
    with pytest.raises(ValueError, match=f"gap {gap}: a sequence of 12 scans"):
        next(GapProtocol((gap,)).cases(scans))
