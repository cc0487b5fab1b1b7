"""The graph of keyframes: loops take drift away, and a wrong one counts little."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.graph import KeyframeGraph, Relation
from isometry.geometry import covariance, se3

SIGMAS = covariance.independent(0.01, 0.005)
SIDE, STEP = 2.0, 0.25
COUNT = int(4 * SIDE / STEP) + 1  # the last one is where the first one was


def square() -> Array:
    """Poses (N,4,4) around a square of 2 m, 25 cm apart, looking along its sides."""
    corners = np.array([[0.0, 0.0], [SIDE, 0.0], [SIDE, SIDE], [0.0, SIDE]])
    poses = []
    for number in range(COUNT):
        side, along = divmod(number * STEP % (4 * SIDE), SIDE)
        x, y = corners[int(side)] + along * np.array([np.cos(side * np.pi / 2), np.sin(side * np.pi / 2)])
        poses.append(se3.from_planar(x, y, side * np.pi / 2))
    return np.array(poses)


def drifted(true: Array) -> KeyframeGraph:
    """A graph of relations between neighbours that are too long by 4 % and turn too far by half a degree."""
    turn = Rotation.from_rotvec(np.radians([0.1, -0.1, 0.5])).as_matrix()
    graph, T = KeyframeGraph(), true[0]
    graph.add(T)
    for before, after in pairwise(true):
        step = se3.inverse(before) @ after @ se3.from_rotation_translation(turn, np.zeros(3))
        step[:3, 3] *= 1.04
        T = T @ step
        number = graph.add(T)
        graph.relate(Relation(number - 1, number, step, SIGMAS))
    return graph


def position_error(graph: KeyframeGraph, true: Array) -> float:
    return float(np.sqrt(np.mean(np.sum((graph.T_map_keyframe[:, :3, 3] - true[:, :3, 3]) ** 2, axis=1))))


def loop(true: Array, first: int, second: int) -> Relation:
    return Relation(first, second, se3.inverse(true[first]) @ true[second], SIGMAS)


def test_without_loops_keyframes_stay_where_they_are() -> None:
    graph = drifted(square())
    before = graph.T_map_keyframe.copy()
    graph.optimise()
    np.testing.assert_allclose(graph.T_map_keyframe, before, atol=1e-6)


def test_a_loop_closes_a_drifted_square() -> None:
    true = square()
    graph = drifted(true)
    drift = position_error(graph, true)
    graph.relate(loop(true, 0, COUNT - 1))
    graph.optimise()
    assert se3.distance(graph.T_map_keyframe[0], graph.T_map_keyframe[-1])[0] < 0.05
    assert position_error(graph, true) < 0.5 * drift
    np.testing.assert_allclose(graph.T_map_keyframe[0], true[0], atol=1e-3)
    np.testing.assert_allclose(
        graph.relative(3, 7), se3.inverse(graph.T_map_keyframe[3]) @ graph.T_map_keyframe[7], atol=1e-12
    )


def test_a_wrong_loop_among_right_ones_counts_little() -> None:
    true = square()
    clean, spoilt = drifted(true), drifted(true)
    for graph in (clean, spoilt):
        for number in range(4):
            graph.relate(loop(true, number, COUNT - 5 + number))
    far = se3.from_planar(0.5, 0.0, 0.3)
    spoilt.relate(loop(true, 2, COUNT - 3)._replace(T_first_second=loop(true, 2, COUNT - 3).T_first_second @ far))
    for graph in (clean, spoilt):
        graph.optimise()
    assert position_error(spoilt, clean.T_map_keyframe) < 0.06


def test_it_goes_on_after_a_loop() -> None:
    true = square()
    graph = drifted(true)
    graph.relate(loop(true, 0, COUNT - 1))
    graph.optimise()
    step = se3.from_planar(STEP, 0.0, 0.0)
    number = graph.add(graph.T_map_keyframe[-1] @ step)
    graph.relate(Relation(number - 1, number, step, SIGMAS))
    graph.optimise()
    assert len(graph) == COUNT + 1
    metres, _ = se3.distance(graph.relative(number - 1, number), step)
    assert metres < 1e-3


def test_a_free_direction_of_a_relation_is_that_of_the_second_keyframe() -> None:
    """The second one looks along the y axis of the map: what is free along its x is free along that y."""
    graph = KeyframeGraph()
    graph.add(np.eye(4))
    T = se3.from_planar(0.0, 1.0, np.pi / 2)
    graph.add(T)
    graph.relate(Relation(0, 1, T, np.diag([1.0, *[1e-6] * 5])))
    measured = T.copy()
    measured[:3, 3] += 0.05
    graph.relate(Relation(0, 1, measured, covariance.independent(0.01, 0.01)))
    graph.optimise()
    x, y, z = (graph.T_map_keyframe[1] - T)[:3, 3]
    assert y > 0.045
    assert abs(x) < 0.01
    assert abs(z) < 0.01


@pytest.mark.parametrize("ends", [(0, 99), (-1, 2), (99, 0)])
def test_a_relation_to_a_keyframe_that_does_not_exist_is_an_error(ends: tuple[int, int]) -> None:
    graph = drifted(square())
    with pytest.raises(IndexError, match=f"keyframes {ends[0]} and {ends[1]} of {COUNT}"):
        graph.relate(Relation(*ends, np.eye(4), SIGMAS))
