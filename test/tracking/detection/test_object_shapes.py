"""What is made of clusters whose objects are known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import planar
from isometry.tracking.detection.object_shapes import Heights, recognised
from isometry.tracking.detection.oriented_boxes import Rectangles

NOTHING_HIDDEN = np.zeros((1, 2), bool)


def one(low: tuple[float, float], high: tuple[float, float], yaw: float = 0.0) -> Rectangles:
    return Rectangles(np.array([yaw]), np.array([low]), np.array([high]))


def high(top: float, upper: float, points: int = 100, overhead: float = 0.0) -> Heights:
    return Heights(np.array([top]), np.array([upper]), np.array([points]), np.array([overhead]))


@pytest.mark.parametrize(
    ("sides", "heights", "label"),
    [
        ((4.3, 1.8), high(1.5, 2.5), "car"),
        ((6.9, 2.5), high(2.2, 5.0), "car"),  # a van
        ((1.8, 0.4), high(1.5, 1.4), "car"),  # its rear
        ((1.8, 0.5), high(1.7, 0.6), "cyclist"),
        ((0.6, 0.5), high(1.75, 0.5), "pedestrian"),
        ((0.2, 0.2), high(2.5, 0.2), "unknown"),  # a pole
        ((9.0, 0.5), high(2.0, 9.0), "unknown"),  # a wall
        ((4.3, 0.3), high(2.4, 4.3, overhead=0.8), "unknown"),  # a house between two gates
        ((0.4, 0.4), high(2.0, 0.4, overhead=0.5), "unknown"),  # a trunk
        ((0.5, 0.5), high(0.6, 0.5), "unknown"),  # a bin
    ],
)
def test_size_and_height_tell_the_class(sides: tuple[float, float], heights: Heights, label: str) -> None:
    _, (found,), _ = recognised(one((10.0, 2.0), (10.0 + sides[0], 2.0 + sides[1])), heights, NOTHING_HIDDEN)
    assert found == label


def test_more_points_make_a_cluster_surer_and_a_class_surer_than_none() -> None:
    car = one((10.0, 2.0), (14.0, 3.7))
    scores = [recognised(car, high(1.5, 2.5, points), NOTHING_HIDDEN)[2][0] for points in (5, 20, 1000)]
    assert 0.0 < scores[0] < scores[1] < scores[2] <= 1.0
    assert recognised(car, high(0.5, 2.5, 1000), NOTHING_HIDDEN)[2][0] < scores[0]


def test_a_rear_gets_the_length_of_a_car_away_from_the_sensor() -> None:
    whole, labels, _ = recognised(one((10.0, -0.8), (10.4, 0.8)), high(1.5, 1.5), NOTHING_HIDDEN)
    assert labels == ("car",)
    np.testing.assert_allclose(whole.sides, [[4.0, 1.7]])
    np.testing.assert_allclose(whole.centres, [[12.0, 0.0]], atol=1e-9)


def test_the_corner_that_faces_the_sensor_stays() -> None:
    for yaw in (0.0, 1.0, 4.0):
        whole, _, _ = recognised(one((10.0, 3.0), (13.0, 3.4), yaw), high(1.5, 2.0), NOTHING_HIDDEN)
        corner = whole.centres[0] - planar.rotations(whole.yaw)[0] @ (whole.sides[0] / 2.0)
        np.testing.assert_allclose(corner, planar.rotations(np.asarray(yaw)) @ [10.0, 3.0], atol=1e-9)


@pytest.mark.parametrize(("hidden", "middle"), [((True, False), 0.1), ((False, True), 0.6)])
def test_a_rear_of_which_one_end_is_hidden_grows_there(hidden: tuple[bool, bool], middle: float) -> None:
    whole, _, _ = recognised(one((10.0, -0.25), (10.3, 0.95)), high(1.5, 1.2), np.array([hidden]))
    np.testing.assert_allclose(whole.sides, [[4.0, 1.7]])
    assert whole.centres[0, 1] == pytest.approx(middle)


def test_a_rear_of_which_both_ends_are_hidden_grows_as_if_none_were() -> None:
    rear, heights = one((10.0, -0.25), (10.3, 0.95)), high(1.5, 1.2)
    both, neither = recognised(rear, heights, ~NOTHING_HIDDEN), recognised(rear, heights, NOTHING_HIDDEN)
    np.testing.assert_array_equal(both[0].centres, neither[0].centres)


def test_heights_are_those_of_each_cluster(random: np.random.Generator) -> None:
    low, tall = (random.uniform([x, 0.0], [x + 4.0, 2.0], (500, 2)) for x in (0.0, 10.0))
    points, over = np.vstack([low, tall]), np.concatenate([np.full(500, 0.8), random.uniform(0.3, 2.4, 500)])
    over[:50] = 1.5
    points[:50] = random.uniform([1.0, 0.5], [2.0, 0.8], (50, 2))  # the cabin
    starts = np.array([0, 500])
    rectangles = Rectangles(np.zeros(2), np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[4.0, 2.0], [14.0, 2.0]]))
    heights = Heights.of(points, over, starts, rectangles, tall[:, :2])
    np.testing.assert_allclose(heights.top, [1.5, 2.4], atol=0.02)
    np.testing.assert_allclose(heights.upper, [1.0, 4.0], atol=0.2)
    assert heights.points.tolist() == [500, 500]
    np.testing.assert_allclose(heights.overhead, [0.0, 1.0])
