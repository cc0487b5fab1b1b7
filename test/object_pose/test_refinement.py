"""Refinement by depth and contour, and the covariance that follows, on rendered images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose import calibration
from isometry.object_pose.alignment import align
from isometry.object_pose.comparison import Comparison, compare
from isometry.object_pose.crop import measured_points
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.types import Observation

Observe = Callable[[ObjectMesh, Array], Observation]
T_TRUE = se3.from_rotation_translation(Rotation.random(random_state=4).as_matrix(), np.array([0.05, -0.03, 0.7]))


def comparison(seen: Observation, model: ObjectModel) -> Comparison:
    return compare(seen, model, measured_points(seen, model.mesh.diameter, 500))


def off(T: Array) -> tuple[float, float]:
    """Degrees and millimetres from the true pose."""
    metres, radians = se3.distance(T, T_TRUE)
    return float(np.degrees(radians)), 1e3 * metres


def disturbed(degrees: float, metres: float) -> Array:
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, 0.0, 0.8])).as_matrix()
    moved = T_TRUE.copy()
    moved[:3, :3] = turn @ T_TRUE[:3, :3]
    moved[:3, 3] += metres * np.array([0.7, 0.7, 0.1])
    return moved


def test_a_pose_that_is_nearly_right_becomes_right(plain_bracket: ObjectModel, observe: Observe) -> None:
    seen = comparison(observe(plain_bracket.mesh, T_TRUE), plain_bracket)
    degrees, millimetres = off(seen.refined(disturbed(6.0, 0.008)[None])[0])
    assert degrees < 0.8
    assert millimetres < 1.5


def test_the_contour_holds_what_biased_depth_does_not(plain_bracket: ObjectModel, observe: Observe) -> None:
    seen = observe(plain_bracket.mesh, T_TRUE)
    u = np.indices(seen.depth.shape)[1]
    tilted = replace(seen, depth=seen.depth * (1.0 + 2e-4 * (u - u[seen.mask].mean())))
    compared = comparison(tilted, plain_bracket)
    by_depth, _ = off(align(T_TRUE[None], compared.points, plain_bracket, [0.005] * 6, visible=True)[0])
    by_both, _ = off(compared.refined(T_TRUE[None])[0])
    assert by_depth > 3.0
    assert by_both < 0.8 * by_depth


def test_where_something_hides_the_object_the_border_of_the_mask_is_not_its_own(
    plain_bracket: ObjectModel, observe: Observe
) -> None:
    seen = observe(plain_bracket.mesh, T_TRUE)
    columns = np.flatnonzero(seen.mask.any(axis=0))
    hidden = np.zeros_like(seen.mask)
    hidden[:, : columns[int(0.3 * len(columns))]] = True
    occluded = replace(seen, depth=np.where(hidden, 0.4, seen.depth), mask=seen.mask & ~hidden)
    degrees, millimetres = off(comparison(occluded, plain_bracket).refined(T_TRUE[None])[0])
    assert degrees < 1.0
    assert millimetres < 2.0


def test_the_object_stays_where_little_is_seen(plain_bracket: ObjectModel, observe: Observe) -> None:
    seen = comparison(observe(plain_bracket.mesh, T_TRUE), plain_bracket)
    away = T_TRUE.copy()
    away[:3, 3] += [1.0, 0.0, 0.0]
    np.testing.assert_array_equal(seen.refined(away[None])[0], away)


def test_where_the_border_of_a_mask_is_not_trusted_depth_is_taken_alone(
    plain_bracket: ObjectModel, observe: Observe
) -> None:
    seen = observe(plain_bracket.mesh, T_TRUE)
    wide = ndimage.binary_dilation(seen.mask, iterations=8)
    nearest = ndimage.distance_transform_edt(~seen.mask, return_distances=False, return_indices=True)
    on_a_table = seen.depth[tuple(nearest)]  # nothing steps back behind it
    errors = {}
    for exact in (True, False):
        grown = replace(seen, mask=wide, depth=on_a_table, exact=exact)
        points = measured_points(seen, plain_bracket.mesh.diameter, 500)
        errors[exact] = off(compare(grown, plain_bracket, points).refined(T_TRUE[None])[0])[1]
    assert errors[False] < 0.5 * errors[True]


def test_what_readings_tell_is_a_covariance(plain_bracket: ObjectModel, observe: Observe) -> None:
    information = comparison(observe(plain_bracket.mesh, T_TRUE), plain_bracket).information(T_TRUE)
    np.testing.assert_allclose(information, information.T)
    assert np.linalg.eigvalsh(information).min() > 0.0
    covariance = calibration.covariance(information, T_TRUE, None, plain_bracket)
    sigma = np.sqrt(np.diagonal(covariance))
    assert np.all(sigma[:3] < 0.02)
    assert np.all(np.degrees(sigma[3:]) < 5.0)
    # the depth of a camera is off as a whole: along the ray more than across
    ray = T_TRUE[:3, 3] / np.linalg.norm(T_TRUE[:3, 3])
    assert ray @ covariance[:3, :3] @ ray > 4.0 * np.linalg.eigvalsh(covariance[:3, :3])[0]


def test_a_free_turn_moves_a_frame_that_is_beside_the_axis() -> None:
    centre = np.array([0.2, 0.0, 0.0])
    covariance = calibration.free_turn(T_TRUE, np.array([0.0, 0.0, 1.0]), centre)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec([0.0, 0.0, 0.01]).as_matrix()
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    error = se3.error(T_TRUE @ turn, T_TRUE)
    # the error lies along the only direction in which the covariance is not 0
    direction = error / np.linalg.norm(error)
    assert direction @ covariance @ direction == pytest.approx(np.trace(covariance), rel=1e-3)
    assert np.linalg.norm(error[:3]) == pytest.approx(0.002, rel=1e-3)
    at_the_axis = calibration.free_turn(T_TRUE, np.array([0.0, 0.0, 1.0]), np.zeros(3))
    np.testing.assert_allclose(at_the_axis[:3], 0.0, atol=1e-12)


@pytest.mark.parametrize("name", calibration.SIGNS)
def test_more_evidence_makes_surer(name: str) -> None:
    evidence = {"silhouette": 0.9, "margin": 0.02, "alike": 1.0}
    more = evidence | {name: evidence[name] + 0.01 * calibration.SIGNS[name]}
    assert calibration.confidence(more) > calibration.confidence(evidence)


def test_a_pose_with_a_rival_is_at_most_as_sure_as_its_share() -> None:
    evidence = {"silhouette": 1.0, "margin": 0.1}
    assert calibration.confidence(evidence | {"alike": 0.5}) <= 0.5
    assert 0.9 < calibration.confidence(evidence | {"alike": 1.0}) <= calibration.MOST
