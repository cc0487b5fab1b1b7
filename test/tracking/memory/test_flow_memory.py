"""The bird's-eye memory as its user sees it: the files that are shipped, on points of known motion."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.tracking.memory.flow_memory import SHIPPED, FlowMemory

STEP_NS = 200_000_000
HERE = np.eye(4)


@pytest.fixture(scope="module", params=SHIPPED)
def memory(request: pytest.FixtureRequest) -> FlowMemory:
    return FlowMemory.load(name=request.param)


def car(random: np.random.Generator, count: int = 250) -> Array:
    """Points (N,2) on the rear and on one side of a car of 4.2 x 1.8 m around the origin, driving along x."""
    along = random.uniform(-2.1, 2.1, count)
    across = random.uniform(-0.9, 0.9, count // 2)
    sides = np.vstack(
        [np.column_stack([along, np.full(count, 0.9)]), np.column_stack([np.full(count // 2, -2.1), across])]
    )
    return sides + random.normal(0.0, 0.02, sides.shape)


def small_things(random: np.random.Generator, cell: float) -> Array:
    """Points (N,2) of a few things so far apart that none is mistaken for another, and never near a border of cells."""
    corners = 20 * np.stack(np.meshgrid(np.arange(-2, 2), np.arange(-2, 2)), axis=-1).reshape(-1, 1, 2)
    cells = corners + random.integers(0, 3, (len(corners), 4, 2))
    points = cells[:, :, None] + random.uniform(0.1, 0.9, (len(corners), 4, 5, 2))
    return np.asarray(points.reshape(-1, 2) * cell)


def followed(
    memory: FlowMemory,
    points_at: Callable[[int], Array],
    steps: int = 6,
    T_odom_base: Callable[[int], Array] = lambda k: HERE,
) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
    """Cells (K,2) and probabilities (K,V+1) after so many steps; `points_at` has the points (N,2) of step k."""
    memory.reset()
    for k in range(steps):
        memory.update(points_at(k), T_odom_base(k), k * STEP_NS)
    assert memory.newest is not None
    return memory.newest.cells.index, memory.newest.probability


def in_order(cells: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.lexsort(cells.T)


def moved(memory: FlowMemory, move: Callable[[NDArray[np.integer]], NDArray[np.integer]]) -> tuple[Array, Array]:
    """Columns of the flows that a move of velocities keeps within the set, before and after it."""
    columns = {tuple(flow): k for k, flow in enumerate(memory.flows.tolist())}
    pairs = [(k, columns[to]) for k, to in enumerate(map(tuple, move(memory.flows).tolist())) if to in columns]
    return tuple(np.array(pairs).T)


@pytest.mark.parametrize("velocity", [(1, 0), (-1, 1)])
def test_points_that_move_faster_give_the_same_distributions_at_faster_velocities(
    memory: FlowMemory, random: np.random.Generator, velocity: tuple[int, int]
) -> None:
    things, own = small_things(random, memory.grid.cell), np.repeat(random.integers(-1, 2, (16, 2)), 20, axis=0)
    extra = np.array(velocity)
    cells, still = followed(memory, lambda k: things + k * own * memory.grid.cell)
    faster_cells, fast = followed(memory, lambda k: things + k * (own + extra) * memory.grid.cell)
    a, b = in_order(cells + 5 * extra), in_order(faster_cells)
    np.testing.assert_array_equal((cells + 5 * extra)[a], faster_cells[b])
    before, after = moved(memory, lambda flows: flows + extra)
    assert 1.0 - still[:, before].sum(axis=1).min() < 0.6, "else the test would say nothing"
    np.testing.assert_allclose(fast[b][:, after], still[a][:, before], atol=2e-6)
    np.testing.assert_allclose(fast[b][:, -1], still[a][:, -1], atol=2e-6)


def test_shifts_and_quarter_turns_and_mirroring_of_all_points(memory: FlowMemory, random: np.random.Generator) -> None:
    things = small_things(random, memory.grid.cell)
    speed = np.asarray(np.repeat(random.integers(-3, 4, (16, 2)), 20, axis=0) * memory.grid.cell, np.float64)
    cells, expected = followed(memory, lambda k: things + k * speed)
    _, shifted = followed(memory, lambda k: things + k * speed + 3 * memory.grid.cell)
    np.testing.assert_allclose(shifted, expected, atol=2e-6)
    for turn in (np.array([[0, -1], [1, 0]]), np.array([[1, 0], [0, -1]])):
        turned = followed(memory, partial(turned_points, things, speed, turn))[1]
        turned_cells = (2 * cells + 1) @ turn.T // 2  # by their middles
        before, after = moved(memory, partial(turned_by, turn))
        np.testing.assert_allclose(turned[:, after], expected[in_order(turned_cells[:, ::-1])][:, before], atol=2e-6)


def turned_points(things: Array, speed: Array, turn: NDArray[np.integer], k: int) -> Array:
    return np.asarray((things + k * speed) @ turn.T)


def turned_by(turn: NDArray[np.integer], flows: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.asarray(flows @ turn.T)


def test_ego_motion_has_no_effect(memory: FlowMemory, random: np.random.Generator) -> None:
    things = small_things(random, memory.grid.cell)
    _, stationary = followed(memory, lambda k: things)
    _, driving = followed(memory, lambda k: things, T_odom_base=lambda k: se3.from_planar(1.3 * k, 0.2 * k, 0.1 * k))
    np.testing.assert_array_equal(driving, stationary)


@pytest.mark.parametrize(
    ("speed", "along", "across"), [(0.0, 0.1, 0.1), (1.4, 1.2, 0.3), (4.0, 1.2, 0.3), (7.3, 1.2, 0.3), (13.0, 1.2, 0.4)]
)
@pytest.mark.parametrize("period_ns", [100_000_000, 200_000_000])
def test_cars_get_their_velocities(
    memory: FlowMemory, random: np.random.Generator, period_ns: int, speed: float, along: float, across: float
) -> None:
    """Medians over headings; the long side of the car fills its cells, and says little of the motion along it."""
    errors = []
    for heading in random.uniform(-np.pi, np.pi, 8):
        turn = se3.from_planar(0.0, 0.0, heading)[:2, :2]
        memory.reset()
        for k in range(int(1.4e9 / period_ns)):
            centre = turn @ [speed * (k * period_ns * 1e-9 - 0.7), 0.0]
            memory.update(car(random) @ turn.T + centre, HERE, k * period_ns)
        velocities, covariances = memory.velocities(np.array([[*centre, 0.8, 4.2, 1.8, 1.6, heading]]))
        assert (np.linalg.eigvalsh(covariances) > 0.0).all()
        errors.append(turn.T @ velocities[0] - [speed, 0.0])
    assert (np.median(np.abs(errors), axis=0) < [along, across]).all()


def test_stationary_points_have_no_velocity(memory: FlowMemory, random: np.random.Generator) -> None:
    memory.reset()
    for k in range(6):
        wall = np.column_stack([random.uniform(-25.0, 25.0, 900), np.full(900, -12.2)])
        memory.update(np.vstack([wall, random.uniform(3.0, 4.5, (40, 2))]), HERE, k * STEP_NS)
    boxes = np.array([[0.0, -12.2, 1.0, 52.0, 0.5, 2.0, 0.0], [3.75, 3.75, 0.5, 1.5, 1.5, 1.0, 0.0]])
    velocities, _ = memory.velocities(boxes)
    assert (np.linalg.norm(velocities, axis=1) < 0.5).all()


def test_after_a_gap_or_a_reset_nothing_is_known_and_two_scans_later_it_is(memory: FlowMemory) -> None:
    random = np.random.default_rng(1)
    box = np.array([[0.0, 0.0, 0.8, 4.2, 1.8, 1.6, 0.0]])

    def known(stamp_ns: int) -> bool:
        memory.update(car(random), HERE, stamp_ns)
        return bool(np.isfinite(memory.velocities(box)[0]).all())

    memory.reset()
    assert [known(k * STEP_NS) for k in range(4)] == [False, True, True, True]
    assert [known(5_000_000_000 + k * STEP_NS) for k in range(2)] == [False, True]
    memory.reset()
    assert memory.newest is None
    assert not known(0)


def test_odd_input(memory: FlowMemory) -> None:
    memory.reset()
    random = np.random.default_rng(2)
    points = car(random)
    before = points.copy()
    boxes = np.array([[0.0, 0.0, 0.8, 4.2, 1.8, 1.6, 0.0], [30.0, 0.0, 0.8, 4.2, 1.8, 1.6, 0.0], [np.nan] * 7])
    assert np.isnan(memory.velocities(boxes)[0]).all()
    bad = np.vstack([points, [[np.nan, 0.0], [np.inf, 1.0], [1e9, 0.0]]])
    memory.update(bad, HERE, 0)
    memory.update(bad, HERE, STEP_NS)
    velocities, covariances = memory.velocities(boxes)
    assert np.isfinite(velocities[0]).all()
    assert np.isnan(velocities[1:]).all()
    assert np.isnan(covariances[1:]).all()
    memory.update(np.zeros((0, 3)), HERE, 2 * STEP_NS)
    assert np.isnan(memory.velocities(boxes)[0]).all()
    memory.update(points, HERE, 3 * STEP_NS)
    assert np.isfinite(memory.velocities(boxes[:1])[0]).all(), "goes on from before the empty scan"
    assert memory.velocities(np.zeros((0, 7)))[0].shape == (0, 2)
    np.testing.assert_array_equal(points, before)
    for arguments in ((points, HERE, 3 * STEP_NS), (points[:, 0], HERE, 4 * STEP_NS), (points, HERE[:3], 4 * STEP_NS)):
        with pytest.raises(ValueError, match=r"stamp|shape|pose"):
            memory.update(*arguments)


def test_more_cells_than_it_can_take_keeps_the_nearest(memory: FlowMemory) -> None:
    memory.reset()
    places = np.random.default_rng(3).uniform(-40.0, 40.0, (60_000, 2))
    memory.update(places, HERE, 0)
    assert memory.newest is not None
    cells = memory.newest.cells
    assert len(cells) == memory.grid.most
    kept = cells.of_points >= 0
    assert (
        np.linalg.norm(places[kept], axis=1).max() < np.linalg.norm(places[~kept], axis=1).min() + 2 * memory.grid.cell
    )
