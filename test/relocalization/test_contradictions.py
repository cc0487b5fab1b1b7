"""Places of a map that scans see through are counted, however large they are."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.relocalization.contradictions import Contradictions, View, contradicted


def box(x: float, length: float = 2.0) -> Array:
    """Points (N,3) of a wall along x, 2 m high, 0.1 m apart."""
    along, high = np.meshgrid(np.arange(0.0, length, 0.1), np.arange(0.0, 2.0, 0.1))
    return np.column_stack([x + along.ravel(), np.zeros(along.size), high.ravel()])


def places(*views: Array, seen: int = 1) -> int:
    contradictions = Contradictions(0.2)
    for number, points in enumerate(views):
        contradictions.add(number, View(points, 0.0, 1.0))
    return contradictions.places(contradictions.views, seen)


def test_a_thing_is_one_place_whatever_its_size_and_a_long_wall_is_several() -> None:
    assert places(box(0.0)) == 1
    assert places(box(0.0, 12.0)) == 1
    assert places(box(0.0, 50.0)) == 3
    assert places(np.concatenate([box(0.0), box(5.0), box(10.0)])) == 3


def test_a_few_points_at_an_edge_are_no_place() -> None:
    assert places(box(0.0, 0.3)[:3]) == 0
    assert places(np.zeros((0, 3))) == 0


def test_a_place_is_seen_in_as_many_views_as_asked_for() -> None:
    assert places(box(0.0), box(5.0), seen=2) == 0
    assert places(box(0.0), np.concatenate([box(0.0), box(5.0)]), seen=2) == 1
    assert places(box(0.0), box(5.0)) == 2


def test_parts_of_one_thing_seen_from_two_sides_are_one_place() -> None:
    assert places(box(0.0), box(2.0)) == 1


def test_a_pose_is_contradicted_by_more_places_than_may_have_changed() -> None:
    assert not contradicted(2, 0, changed=2)
    assert contradicted(3, 0, changed=2)
    assert not contradicted(6, 2, changed=2)
    assert contradicted(7, 2, changed=2)
