"""Which boxes are of one object."""

from __future__ import annotations

import numpy as np

from isometry.tracking.detection.duplicates import owners, size_overlap

CAR, TRUCK, CYCLIST, PERSON = (4.4, 1.8, 1.5), (6.0, 2.2, 2.4), (1.76, 0.6, 1.73), (0.8, 0.6, 1.7)


def box(x: float, size: tuple[float, float, float]) -> list[float]:
    return [x, 0.0, size[2] / 2.0, *size, 0.0]


def test_the_box_of_the_highest_score_stands_for_its_object() -> None:
    boxes = np.array([box(0.1, CAR), box(0.0, TRUCK), box(20.0, CAR), box(30.2, CYCLIST), box(30.4, PERSON)])
    np.testing.assert_array_equal(owners(boxes, np.array([0.6, 0.8, 0.9, 0.5, 0.7])), [1, 1, 2, 4, 4])


def test_people_in_a_car_and_beside_each_other_are_objects_of_their_own() -> None:
    boxes = np.array([box(0.0, CAR), box(0.5, PERSON), box(10.0, PERSON), box(10.5, PERSON)])
    np.testing.assert_array_equal(owners(boxes, np.array([0.9, 0.5, 0.5, 0.5])), np.arange(4))


def test_the_order_of_the_boxes_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    boxes = np.array([box(x, CAR) for x in rng.uniform(0.0, 30.0, 25)])
    scores = rng.uniform(size=25)
    order = rng.permutation(25)
    plain, mixed = owners(boxes, scores), owners(boxes[order], scores[order])
    np.testing.assert_array_equal(order[mixed], plain[order])


def test_an_object_that_a_box_stands_for_stands_for_none() -> None:
    boxes = np.array([box(0.0, CAR), box(1.5, CAR), box(3.0, CAR)])
    owner = owners(boxes, np.array([0.9, 0.8, 0.7]))
    np.testing.assert_array_equal(owner[owner], owner)
    assert owner[2] == 2


def test_overlap_of_sizes_is_that_of_boxes_on_one_place() -> None:
    one, other = np.array([box(3.0, CAR)]), np.array([box(9.0, PERSON)])
    assert size_overlap(one, one)[0] == 1.0
    np.testing.assert_allclose(size_overlap(one, other), 0.8 * 0.6 * 1.5 / (4.4 * 1.8 * 1.5 + 0.8 * 0.6 * 0.2))
    assert len(owners(np.zeros((0, 7)), np.zeros(0))) == 0
