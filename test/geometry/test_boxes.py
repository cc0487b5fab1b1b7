from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.geometry.boxes import footprint_intersections, footprints, iou_3d, iou_3d_of_pairs, moved

place = st.floats(-3.0, 3.0)
side = st.floats(0.1, 6.0)
box = st.tuples(place, place, place, side, side, side, st.floats(-10.0, 10.0)).map(lambda values: np.array([values]))


def boxes(random: np.random.Generator, count: int) -> Array:
    return np.hstack(
        [random.normal(size=(count, 3)), random.uniform(0.2, 5.0, (count, 3)), random.uniform(-4.0, 4.0, (count, 1))]
    )


def common_area_by_half_planes(a: Array, b: Array) -> float:
    """Another way to the same: the eight half planes, an inner point by linear programming, and a hull."""
    planes = []
    for corners in (footprints(a)[0], footprints(b)[0]):
        along = np.roll(corners, -1, axis=0) - corners
        outward = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
        planes.append(np.hstack([outward, -(outward * corners).sum(axis=1, keepdims=True)]))
    half = np.vstack(planes)
    room = linprog([0.0, 0.0, -1.0], np.hstack([half[:, :2], np.ones((8, 1))]), -half[:, 2], bounds=[(None, None)] * 3)
    if room.x[2] < 1e-9:
        return 0.0
    return float(ConvexHull(HalfspaceIntersection(half, room.x[:2]).intersections).volume)


def test_the_front_left_corner_comes_first_and_the_others_counter_clockwise() -> None:
    corners = footprints(np.array([[10.0, 5.0, 0.0, 4.0, 2.0, 1.5, np.pi / 2.0]]))
    np.testing.assert_allclose(corners[0], [[9.0, 7.0], [9.0, 3.0], [11.0, 3.0], [11.0, 7.0]], atol=1e-12)


def test_areas_agree_with_the_hull_of_eight_half_planes(random: np.random.Generator) -> None:
    a, b = boxes(random, 200), boxes(random, 200)
    expected = [common_area_by_half_planes(one[None], other[None]) for one, other in zip(a, b, strict=True)]
    assert sum(area > 0.0 for area in expected) > 100
    np.testing.assert_allclose(footprint_intersections(a, b), expected, atol=1e-9)


@pytest.mark.parametrize("yaw", [0.0, 0.3, np.pi / 2.0, -2.0])
@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([0.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0], 1.0, id="the same"),
        pytest.param([0.0, 0.0, 0.0, 4.0, 2.0, 1.0, np.pi], 1.0, id="turned half round"),
        pytest.param([0.0, 0.0, 0.0, 2.0, 4.0, 1.0, np.pi / 2.0], 1.0, id="length and width exchanged"),
        pytest.param([0.0, 0.0, 0.0, 4.0, 2.0, 1.0, np.pi / 2.0], 4.0 / 12.0, id="a cross"),
        pytest.param([0.5, 0.2, 0.0, 2.0, 1.0, 0.5, 0.0], 1.0 / 8.0, id="inside"),
        pytest.param([1.0, 0.5, 0.0, 2.0, 1.0, 1.0, 0.0], 2.0 / 8.0, id="inside, with two sides in common"),
        pytest.param([2.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0], 4.0 / 12.0, id="half a length ahead"),
        pytest.param([4.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0], 0.0, id="sides touch"),
        pytest.param([4.0, 2.0, 0.0, 4.0, 2.0, 1.0, 0.0], 0.0, id="corners touch"),
        pytest.param([0.0, 0.0, 0.5, 4.0, 2.0, 1.0, 0.0], 4.0 / 12.0, id="half a height up"),
        pytest.param([0.0, 0.0, 1.0, 4.0, 2.0, 1.0, 0.0], 0.0, id="on top"),
        pytest.param([0.0, 0.0, 0.0, 4.0, 0.0, 1.0, 0.0], 0.0, id="without width"),
        pytest.param([0.0, 0.0, 0.0, 2.0, 2.0, 1.0, np.pi / 4.0], (4 * 2**0.5 - 2) / (14 - 4 * 2**0.5), id="diamond"),
    ],
)
def test_overlaps_known_by_heart_at_any_yaw(other: list[float], expected: float, yaw: float) -> None:
    one = np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0]])
    pair = np.vstack([one, np.array([other])])
    pair[:, :2] = pair[:, :2] @ planar.rotations(np.array(yaw)).T + [70.0, -30.0]
    pair[:, 6] += yaw
    np.testing.assert_allclose(iou_3d(pair[:1], pair[1:]), [[expected]], atol=1e-9)


def test_boxes_above_each_other_do_not_overlap() -> None:
    one = np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0]])
    above = np.array([[2.0, 0.0, 9.0, 4.0, 2.0, 0.0, 0.0]])
    np.testing.assert_allclose(iou_3d(one, above), [[0.0]])


@settings(max_examples=200, deadline=None)
@given(a=box, b=box, x=place, y=place, z=place, yaw=st.floats(-7.0, 7.0))
def test_overlap_is_symmetric_within_0_and_1_and_moves_with_the_scene(
    a: Array, b: Array, x: float, y: float, z: float, yaw: float
) -> None:
    T = se3.from_planar(x, y, yaw)
    T[2, 3] = z
    value = iou_3d(a, b)[0, 0]
    assert 0.0 <= value <= 1.0
    assert iou_3d(b, a)[0, 0] == pytest.approx(value, abs=1e-9)
    assert iou_3d(a, a)[0, 0] == pytest.approx(1.0)
    assert iou_3d(moved(T, a), moved(T, b))[0, 0] == pytest.approx(value, abs=1e-9)


def test_all_pairs_are_those_pairs(random: np.random.Generator) -> None:
    a, b = boxes(random, 12), boxes(random, 7)
    b[:, :2] *= 4.0  # some are apart
    before = a.copy(), b.copy()
    table = iou_3d(a, b)
    each = [[iou_3d(one[None], other[None])[0, 0] for other in b] for one in a]
    np.testing.assert_allclose(table, each, atol=1e-12)
    np.testing.assert_allclose(iou_3d_of_pairs(a[:7], b), np.diagonal(table), atol=1e-12)
    assert iou_3d(a[:0], b).shape == (0, 7)
    assert iou_3d(a, b[:0]).shape == (12, 0)
    np.testing.assert_array_equal(np.vstack([a, b]), np.vstack(before))


def test_a_box_with_nan_overlaps_nothing(random: np.random.Generator) -> None:
    a = boxes(random, 3)
    broken = a.copy()
    broken[1, 3] = np.nan
    overlap = iou_3d(a, broken)
    assert overlap[0, 0] == pytest.approx(1.0)
    np.testing.assert_array_equal(overlap[:, 1], 0.0)


def test_boxes_move_with_their_corners_there_and_back(random: np.random.Generator) -> None:
    before = boxes(random, 5)
    T = se3.from_planar(3.0, -2.0, 2.5)
    there = moved(T, before)
    corners = np.dstack([footprints(before), np.zeros((5, 4))]).reshape(-1, 3)
    np.testing.assert_allclose(footprints(there).reshape(-1, 2), se3.apply(T, corners)[:, :2], atol=1e-12)
    np.testing.assert_allclose(footprints(moved(se3.inverse(T), there)), footprints(before), atol=1e-12)
    assert (np.abs(there[:, 6]) <= np.pi).all()

    tilted = se3.from_rotation_translation(Rotation.from_rotvec([0.02, 0.01, 1.0]).as_matrix(), np.ones(3))
    turn = se3.yaw(tilted)
    back = moved(se3.inverse(tilted), moved(tilted, before, turn), -turn)
    np.testing.assert_allclose(back[:, :6], before[:, :6], atol=1e-12)
    np.testing.assert_allclose(planar.wrapped(back[:, 6] - before[:, 6]), 0.0, atol=1e-12)
