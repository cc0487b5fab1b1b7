from __future__ import annotations

import numpy as np
import pytest

from isometry.evaluation.common.trajectory import align, path_error, planar_errors
from isometry.geometry import se3


def test_alignment_takes_out_any_rigid_motion(random: np.random.Generator) -> None:
    truth = random.normal(size=(50, 3)) * 20.0
    T = se3.from_quaternion_translation(random.normal(size=4), random.normal(size=3) * 100.0)
    moved = se3.apply(T, truth)
    np.testing.assert_allclose(align(moved, truth), se3.inverse(T), atol=1e-9)
    assert path_error(moved, truth) == pytest.approx(0.0, abs=1e-9)


def test_a_mirrored_or_a_longer_path_is_not_taken_for_the_true_one() -> None:
    truth = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [10.0, 5.0, 0.0], [10.0, 5.0, 2.0]])
    assert path_error(truth * [1.0, -1.0, 1.0], truth) > 0.5
    assert path_error(np.array([[-11.0, 0.0, 0.0], [11.0, 0.0, 0.0]]), truth[:2] * 2.0) == pytest.approx(1.0)


def test_planar_errors_ignore_height_and_tilt() -> None:
    T_true = se3.from_planar(5.0, 1.0, 0.4)
    T_estimated = T_true @ se3.from_planar(3.0, 4.0, np.radians(-20.0))
    T_estimated[2, 3] += 7.0
    metres, degrees = planar_errors(T_estimated[None], T_true[None])
    assert metres[0] == pytest.approx(5.0)
    assert degrees[0] == pytest.approx(20.0)
