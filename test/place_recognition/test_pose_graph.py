"""The pose graph: right loops take drift away, wrong loops are kept out."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.place_recognition.pose_graph import KeyframePoseGraph, PoseGraphParameters

COVARIANCE = np.diag([0.1**2] * 3 + [np.radians(0.3) ** 2] * 3)
SIDE, STEP = 100.0, 2.0
LAP = int(4 * SIDE / STEP)  # keyframes


def square(laps: float) -> np.ndarray:
    """Poses (N,4,4) along a square of 100 m, one every 2 m, left turns at the corners."""
    corners = np.array([[0.0, 0.0], [SIDE, 0.0], [SIDE, SIDE], [0.0, SIDE]])
    poses = []
    for distance in np.arange(0.0, laps * 4 * SIDE, STEP):
        side, along = divmod(distance % (4 * SIDE), SIDE)
        heading = side * np.pi / 2
        x, y = corners[int(side)] + along * np.array([np.cos(heading), np.sin(heading)])
        poses.append(se3.from_planar(x, y, heading))
    return np.stack(poses)


def drifting(poses: np.ndarray, seed: int = 0, scale: float = 0.01, turn_deg: float = 1.0) -> np.ndarray:
    """Odometry of a drive: longer by `scale`, turning `turn_deg` per 100 m too much, and a little noise."""
    rng, driven = np.random.default_rng(seed), [poses[0]]
    for before, after in pairwise(poses):
        step = se3.inverse(before) @ after
        length = float(np.linalg.norm(step[:3, 3]))
        step[:3, 3] *= 1.0 + scale
        turn = np.radians(turn_deg) * length / 100.0 + rng.normal(0.0, 1e-4)
        driven.append(driven[-1] @ step @ se3.from_planar(0.0, 0.0, turn))
    return np.stack(driven)


def graph_of(odometry: np.ndarray, trusted_drift: float = 1.0) -> KeyframePoseGraph:
    graph = KeyframePoseGraph(PoseGraphParameters(trusted_drift=trusted_drift))
    for number, T_odom_base in enumerate(odometry):
        assert graph.add_keyframe(T_odom_base) == number
    return graph


def pairs(graph: KeyframePoseGraph) -> set[tuple[int, int]]:
    return {(loop.keyframe, loop.other) for loop in graph.loops}


def position_error(poses: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum((poses[:, :3, 3] - truth[:, :3, 3]) ** 2, axis=1))))


def measured(truth: np.ndarray, keyframe: int, other: int, rng: np.random.Generator) -> np.ndarray:
    noise = se3.from_planar(rng.normal(0, 0.1), rng.normal(0, 0.1), rng.normal(0, np.radians(0.3)))
    T_keyframe_other: np.ndarray = se3.inverse(truth[keyframe]) @ truth[other] @ noise
    return T_keyframe_other


def test_without_loops_the_map_is_the_odometry() -> None:
    odometry = drifting(square(1.0))
    np.testing.assert_allclose(graph_of(odometry).optimise(), odometry, atol=1e-6)


def test_rotations_that_are_not_quite_rotations_do_no_harm() -> None:
    truth = square(2.0)
    odometry, rng = drifting(truth), np.random.default_rng(7)
    exact, rounded = graph_of(odometry), KeyframePoseGraph(PoseGraphParameters())
    for number, T_odom_base in enumerate(odometry):
        stretched = T_odom_base.copy()
        stretched[:3, :3] *= 1.0 + 1e-6 * number
        rounded.add_keyframe(stretched)
    for other in range(LAP, 2 * LAP, 2):
        T_keyframe_other = measured(truth, other - LAP, other, rng)
        for graph in (exact, rounded):
            graph.add_loop(other - LAP, other, T_keyframe_other, COVARIANCE)
            if other % 20 == 0:
                graph.optimise()
    np.testing.assert_allclose(rounded.optimise(), exact.optimise(), atol=0.2)


def test_an_empty_graph_has_no_poses() -> None:
    assert KeyframePoseGraph(PoseGraphParameters()).optimise().shape == (0, 4, 4)


def test_loops_take_the_drift_of_a_square_away() -> None:
    truth = square(2.0)
    odometry = drifting(truth)
    graph, rng = graph_of(odometry), np.random.default_rng(1)
    let_in = [graph.add_loop(k - LAP, k, measured(truth, k - LAP, k, rng), COVARIANCE) for k in range(LAP, 2 * LAP, 2)]
    assert np.mean(let_in) > 0.95
    assert position_error(odometry, truth) > 4.0
    # what loops cannot see is the scale: 1 % of a square of 100 m
    assert position_error(graph.optimise(), truth) < 1.2


def test_a_loop_shares_out_the_slip_of_a_line_driven_there_and_back_by_the_closed_form() -> None:
    there = np.stack([se3.from_planar(x, 0.0, 0.0) for x in np.arange(0.0, 52.0, 2.0)])
    back = np.stack([se3.from_planar(x, 0.0, 0.0) for x in np.arange(48.0, -2.0, -2.0)])
    odometry = np.concatenate([there, back])
    odometry[len(there) :, 0, 3] += 0.5  # half a metre slipped at the far end
    graph = graph_of(odometry, trusted_drift=10.0)
    assert graph.add_loop(0, len(odometry) - 1, np.eye(4), 1e-6 * np.eye(6))
    # equal springs in a row: each of the 50 steps takes 1/50 of the slip, the loop its small share
    poses, steps = graph.optimise(), len(odometry) - 1
    step_variance, loop_variance = 0.01**2 * 2.0 * 100.0, 0.1**2
    expected = 0.5 * (1.0 - steps * step_variance / (steps * step_variance + loop_variance))
    assert poses[-1, 0, 3] == pytest.approx(expected, abs=1e-3)
    slipped = odometry[10, 0, 3] - 10 * (0.5 - expected) / steps
    assert poses[10, 0, 3] == pytest.approx(slipped, abs=1e-3)


def test_neighbours_take_a_wrong_scale_away_by_the_closed_form() -> None:
    odometry = np.stack([se3.from_planar(2.02 * k, 0.0, 0.0) for k in range(31)])  # steps of 2 m, 1 % too long
    graph = graph_of(odometry)
    for keyframe in range(0, 30, 3):
        assert graph.add_neighbour(keyframe, keyframe + 3, se3.from_planar(6.0, 0.0, 0.0), 1e-6 * np.eye(6))
    # each six metres: a spring of three steps of odometry beside one of the neighbours
    odometry_variance, neighbour_variance = 3 * 0.01**2 * 2.02 * 100.0, 0.1**2 + 1e-6
    share = odometry_variance / (odometry_variance + neighbour_variance)
    assert graph.optimise()[-1, 0, 3] == pytest.approx(60.6 - 0.6 * share, abs=1e-3)
    assert share > 0.8
    assert not graph.loops


def test_a_neighbour_beyond_the_drift_of_odometry_is_refused() -> None:
    odometry = drifting(square(0.5))
    graph = graph_of(odometry)
    slipped = se3.inverse(odometry[10]) @ odometry[13] @ se3.from_planar(1.5, 0.0, 0.0)
    assert not graph.add_neighbour(10, 13, slipped, COVARIANCE)
    np.testing.assert_allclose(graph.optimise(), odometry, atol=1e-6)


def test_one_far_loop_alone_is_not_believed_and_the_next_confirms_it() -> None:
    truth = square(2.0)
    graph, rng = graph_of(drifting(truth)), np.random.default_rng(2)
    assert not graph.add_loop(0, LAP, measured(truth, 0, LAP, rng), COVARIANCE)
    before = graph.optimise()
    assert not graph.loops
    assert graph.add_loop(4, LAP + 4, measured(truth, 4, LAP + 4, rng), COVARIANCE)
    assert sorted(pairs(graph)) == [(0, LAP), (4, LAP + 4)]
    assert position_error(graph.optimise(), truth) < 0.5 * position_error(before, truth)


@pytest.mark.parametrize("seed", range(5))
def test_wrong_loops_do_not_bend_the_map(seed: int) -> None:
    truth = square(2.0)
    odometry, rng = drifting(truth, seed), np.random.default_rng(seed)
    clean, spoilt = graph_of(odometry), graph_of(odometry)
    wrong: list[tuple[int, int]] = []
    for other in range(LAP, 2 * LAP, 2):
        loop = (other - LAP, other, measured(truth, other - LAP, other, rng), COVARIANCE)
        clean.add_loop(*loop)
        spoilt.add_loop(*loop)
        if rng.random() < 0.3:
            keyframe = int(rng.integers(0, other - 20))
            if np.linalg.norm(truth[keyframe, :2, 3] - truth[other, :2, 3]) > 2.0:
                wrong.append((keyframe, other))
                guess = se3.from_planar(*rng.uniform((-5.0, -5.0, -3.0), (5.0, 5.0, 3.0)))
                spoilt.add_loop(keyframe, other, guess, COVARIANCE)
    assert len(wrong) > 10
    assert not set(wrong) & pairs(spoilt)
    np.testing.assert_allclose(spoilt.optimise(), clean.optimise(), atol=0.05)


def test_a_slipped_loop_is_refused_where_the_place_is_tied_in() -> None:
    truth = square(1.5)
    graph, rng = graph_of(drifting(truth)), np.random.default_rng(3)
    for other in range(LAP, LAP + 40, 2):
        graph.add_loop(other - LAP, other, measured(truth, other - LAP, other, rng), COVARIANCE)
    slipped = measured(truth, 21, LAP + 21, rng) @ se3.from_planar(2.5, 0.0, 0.0)
    assert not graph.add_loop(21, LAP + 21, slipped, COVARIANCE)
    assert graph.add_loop(21, LAP + 21, measured(truth, 21, LAP + 21, rng), COVARIANCE)


def test_wrong_loops_that_agreed_and_came_first_give_way_to_those_that_contradict_them() -> None:
    truth = square(2.0)
    graph, rng = graph_of(drifting(truth)), np.random.default_rng(4)
    shift = se3.from_planar(0.0, 5.0, 0.0)  # the parallel lane, say
    wrong = [(0, LAP), (4, LAP + 4)]
    let_in = [graph.add_loop(*pair, measured(truth, *pair, rng) @ shift, COVARIANCE) for pair in wrong]
    assert let_in == [False, True]
    for keyframe in range(6, 40, 2):
        graph.add_loop(keyframe, LAP + keyframe, measured(truth, keyframe, LAP + keyframe, rng), COVARIANCE)
    assert not set(wrong) & pairs(graph)
    assert len(graph.loops) > 10


def test_covariance_is_understood_in_ros_order_and_in_the_keyframe_s_frame() -> None:
    # the keyframe looks along y: free along its x (the map's y), stiff along its y
    graph = KeyframePoseGraph(PoseGraphParameters())
    turned = se3.from_planar(0.0, 0.0, np.pi / 2)
    graph.add_keyframe(turned)
    graph.add_keyframe(se3.from_planar(0.0, 30.0, 0.0))
    T_odometry = se3.inverse(turned) @ se3.from_planar(0.0, 30.0, 0.0)
    loop = T_odometry.copy()
    loop[:2, 3] += 0.3
    covariance = np.diag([1.0, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4])
    assert graph.add_loop(0, 1, loop, covariance)
    moved = se3.inverse(turned) @ graph.optimise()[1]
    assert moved[0, 3] - T_odometry[0, 3] < 0.1
    assert moved[1, 3] - T_odometry[1, 3] > 0.25


def test_inputs_are_not_changed_and_results_are_copies() -> None:
    odometry, covariance = drifting(square(1.0)), COVARIANCE.copy()
    before = odometry.copy()
    graph = graph_of(odometry)
    graph.add_loop(0, 20, se3.inverse(odometry[0]) @ odometry[20], covariance)
    graph.optimise()[:] = 0.0
    np.testing.assert_array_equal(odometry, before)
    np.testing.assert_array_equal(covariance, COVARIANCE)
    assert graph.optimise()[-1, 3, 3] == 1.0


def test_a_loop_to_a_keyframe_that_does_not_exist_is_an_error() -> None:
    graph = graph_of(square(0.1))
    for add in (graph.add_loop, graph.add_neighbour):
        with pytest.raises(IndexError, match="keyframes 0 and 99 of"):
            add(0, 99, np.eye(4), COVARIANCE)


def test_two_thousand_keyframes_are_optimised_fast() -> None:
    truth = square(10.0)
    assert len(truth) == 2000
    odometry, rng = drifting(truth), np.random.default_rng(6)
    graph, seconds = KeyframePoseGraph(PoseGraphParameters()), []
    for number, T_odom_base in enumerate(odometry):
        graph.add_keyframe(T_odom_base)
        if number >= LAP and number % 10 == 0:
            start = time.process_time()
            graph.add_loop(number - LAP, number, measured(truth, number - LAP, number, rng), COVARIANCE)
            graph.optimise()
            seconds.append(time.process_time() - start)
    assert len(graph.loops) > 170
    assert np.median(seconds) < 0.1
    assert position_error(graph.optimise(), truth) < 0.1 * position_error(odometry, truth)
