"""Halls along a corridor: all but one have the same size and furniture."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds import furniture
from isometry.simulation.worlds.furnished_hall import Door, furnished_hall
from isometry.simulation.worlds.interior import Opening, wall
from isometry.simulation.worlds.repetition import Repetition, translated
from isometry.simulation.worlds.shapes import Mesh, box, joined
from isometry.simulation.worlds.world import INDOOR, World, route_through

CORRIDOR_M, CORRIDOR_HEIGHT = 3.0, 2.8  # metres
PASSAGE = np.array([2.2, 4.0])  # metres, width and length of the passage from the corridor into a hall
PLAIN_M = 8.0  # of the corridor on each side of a passage, as much as is seen from a hall


def build_twin_halls(random: np.random.Generator) -> World:
    """Three or four equal halls, 40 to 150 m from one to the next, and a different one at a random place of the row.

    From a hall one sees through its passage a piece of the corridor that is the same for all.
    """
    size = random.uniform([20.0, 14.0, 4.0], [32.0, 22.0, 6.0])
    count = int(random.integers(4, 6))
    different = int(random.integers(1, count - 1))
    between = 40.0 + 110.0 * random.random(count - 1) ** 2
    x = np.concatenate([[0.0], np.cumsum(between)]) + 0.5 * size[0]
    door = Door(0, PASSAGE[0], 2.5)
    furniture_seed, other_seed = random.integers(2**32, size=2)
    T_world_halls = np.column_stack([x, np.full(count, 0.5 * CORRIDOR_M + PASSAGE[1] + 0.5 * size[1]), np.zeros(count)])
    way = _way_in_hall(size)
    parts = _corridor(x, x[-1] + 0.5 * size[0], random)
    for number, position in enumerate(T_world_halls):
        seed = other_seed if number == different else furniture_seed
        inside = furnished_hall(size, [door], way, np.random.default_rng(seed))
        parts.append(joined(inside, se3.from_rotation_translation(np.eye(3), position)))
    equal = translated(np.delete(T_world_halls, different, axis=0), *_inside(size))
    corners = [np.array([[1.0, 0.0]])]
    for x_hall, position in zip(x, T_world_halls, strict=True):
        corners += [np.array([[x_hall, 0.0]]), way + position[:2], np.array([[x_hall, 0.0]])]
    corners.append(np.array([[x[-1] + 0.5 * size[0] - 1.0, 0.0]]))
    return World(
        mesh=joined(parts),
        route=route_through(np.pad(np.vstack(corners), ((0, 0), (0, 1)))),
        lane_m=0.4,
        left_out=equal[-1],
        repetitions=[Repetition(equal)],
        lidar=INDOOR,
        sensor_height_m=1.2,
    )


def _way_in_hall(size: Array) -> Array:
    """Corners (K,2) of a round through a hall from its door and back, in the frame of the hall."""
    x, y = 0.3 * size[0], 0.25 * size[1]
    door = [0.0, -0.5 * size[1]]
    beside = [[-0.6, -y], [-0.6, -0.5 * size[1] + 1.0]]  # the way out is not quite the way in
    return np.array([door, [0.0, -y], [x, -y], [x, y], [-x, y], [-x, -y], *beside, door])


def _inside(size: Array) -> tuple[Array, Array]:
    """The box of positions in a hall from which the corridor is seen through the passage only."""
    half = size[:2] / 2.0
    return np.array([*-half, -1.0]), np.array([*half, 1.0])


def _corridor(x: Array, end: float, random: np.random.Generator) -> list[Mesh]:
    """The corridor from 0 to `end` with passages at x (H,), and what stands along its walls."""
    half, (wide, deep) = CORRIDOR_M / 2.0, PASSAGE
    starts = [Opening(each - wide / 2.0, wide, 0.0, 2.5) for each in x]
    parts = [
        box((end, CORRIDOR_M, 0.2), (end / 2.0, 0.0, -0.2)),
        box((end, CORRIDOR_M, 0.2), (end / 2.0, 0.0, CORRIDOR_HEIGHT)),
        wall(np.array([0.0, half]), np.array([end, half]), CORRIDOR_HEIGHT, 0.2, starts),
        *(wall(np.array(a), np.array(b), CORRIDOR_HEIGHT, 0.2, []) for a, b in _other_walls(end, half)),
    ]
    for each in x:
        middle = half + deep / 2.0
        parts += [box((wide, deep, 0.2), (each, middle, -0.2)), box((wide, deep, 0.2), (each, middle, 2.5))]
        parts += [box((0.2, deep, 2.5), (each + side * (wide / 2.0 + 0.1), middle, 0.0)) for side in (-1.0, 1.0)]
    for place in np.arange(2.0, end - 2.0, 3.0):
        place += random.uniform(-1.0, 1.0)
        if np.abs(x - place).min() > PLAIN_M and random.random() < 0.6:
            pieces = (furniture.cabinet, furniture.plant)
            piece = pieces[int(random.integers(len(pieces)))](random, 0.5)
            side = random.choice([0.0, np.pi])
            parts.append(joined([piece], se3.from_planar(place, -half * np.cos(side), side)))
    return parts


def _other_walls(end: float, half: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [((0.0, -half), (end, -half)), ((0.0, -half), (0.0, half)), ((end, -half), (end, half))]
