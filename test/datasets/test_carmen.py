from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.carmen import read_log, read_relations
from isometry.datasets.errors import DatasetError
from isometry.geometry import se3


def flaser(ranges: list[float], odometry: tuple[float, float, float], time_s: float) -> str:
    values = [*ranges, 9.0, 9.0, 9.0, *odometry]
    return f"FLASER {len(ranges)} {' '.join(map(str, values))} {time_s} nohost {time_s - 70.0}\n"


def test_beams_go_from_right_to_left_and_a_far_reading_is_no_hit(tmp_path: Path) -> None:
    path = tmp_path / "log.clf"
    path.write_text("PARAM x 1\n" + flaser([2.0, 50.0, 3.0, 0.0], (1.0, 2.0, np.pi / 2), 70.5))
    log = read_log(path)
    np.testing.assert_allclose(log.scan(0), [[0.0, -2.0, 0.0], [3.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(log.odometry[0], se3.from_planar(1.0, 2.0, np.pi / 2))
    assert log.times_s[0] == 70.5


def test_relations_find_their_scans_by_time(tmp_path: Path) -> None:
    path, relations = tmp_path / "log.clf.bz2", tmp_path / "log.relations"
    path.write_bytes(bz2.compress("".join(flaser([1.0], (0.0, 0.0, 0.0), t) for t in (1.0, 2.0, 3.0)).encode()))
    relations.write_text("1.0 3.0 0.5 -0.25 0 0 0 0.1\n")
    found = read_relations(relations, read_log(path))
    np.testing.assert_array_equal(found.pairs, [[0, 2]])
    np.testing.assert_allclose(found.T_first_second[0], se3.from_planar(0.5, -0.25, 0.1))


@pytest.mark.parametrize("text", ["FLASER 180 1.0 2.0\n", "FLASER x\n", "FLASER 1 nan 0 0 0 0 0 0 1 h 1\n", "ODOM 1\n"])
def test_a_log_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.clf"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"log\.clf"):
        read_log(path)


def test_a_file_that_is_not_compressed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.clf.bz2"
    path.write_text("FLASER")
    with pytest.raises(DatasetError, match=r"log\.clf\.bz2: not a CARMEN log"):
        read_log(path)


@pytest.mark.parametrize("text", ["1.0 9.0 0 0 0 0 0 0\n", "1.0 2.0 0\n", ""])
def test_a_relation_without_scans_is_refused(tmp_path: Path, text: str) -> None:
    path, relations = tmp_path / "log.clf", tmp_path / "log.relations"
    path.write_text(flaser([1.0], (0.0, 0.0, 0.0), 1.0))
    relations.write_text(text)
    with pytest.raises(DatasetError, match=r"log\.relations"):
        read_relations(relations, read_log(path))


def test_checked_relations_agree_with_odometry_over_short_times(shared_data: Path) -> None:
    log = read_log(shared_data / "laser2d/aces.clf.bz2")
    relations = read_relations(shared_data / "laser2d/aces.relations", log)
    assert len(log) == 7374
    first, second = relations.pairs.T
    short = np.abs(log.times_s[second] - log.times_s[first]) < 3.0
    T_by_odometry = se3.inverse(log.odometry[first]) @ log.odometry[second]
    error = np.linalg.norm((T_by_odometry - relations.T_first_second)[:, :2, 3], axis=1)
    assert short.sum() > 1000
    assert np.median(error[short]) < 0.1
