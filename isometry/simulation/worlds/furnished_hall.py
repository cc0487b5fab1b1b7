"""A hall with furniture away from the way through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.paths import densified
from isometry.simulation.worlds import furniture
from isometry.simulation.worlds.interior import Opening, wall
from isometry.simulation.worlds.shapes import Mesh, box, cylinder, joined

THICKNESS = 0.2  # metres, of walls, floor and ceiling
FREE_M = 2.3  # between the way and the middle of a piece of furniture
PIECE_M2 = 12.0  # floor for each piece
PIECES: Sequence[Callable[[np.random.Generator, float], Mesh]] = (
    furniture.shelf,
    furniture.cabinet,
    furniture.pile,
    furniture.table,
    furniture.counter,
)


@dataclass(frozen=True)
class Door:
    """An opening in the middle of a wall, down to the floor."""

    side: int  # 0: the wall at the lowest y; 1: at the highest y; 2: at the highest x; 3: at the lowest x
    width: float  # metres
    height: float


def furnished_hall(size: Array, doors: Sequence[Door], way: Array, random: np.random.Generator) -> list[Mesh]:
    """A closed hall of length, width and height (3,) around the origin; `way` (K,2) are corners of a free way."""
    parts = empty_hall(size, doors)
    free = densified(way, 0.5)
    for _ in range(int(size[0] * size[1] / PIECE_M2)):
        position = random.uniform(-1.0, 1.0, 2) * (size[:2] / 2.0 - 1.0)
        piece = _piece(size[2], random)
        if np.linalg.norm(free - position, axis=1).min() > FREE_M:
            parts.append(joined([piece], se3.from_planar(position[0], position[1], random.uniform(0.0, 2.0 * np.pi))))
    return parts


def empty_hall(size: Array, doors: Sequence[Door]) -> list[Mesh]:
    """Floor, ceiling and walls of a hall of length, width and height (3,) around the origin."""
    x, y, height = size / [2.0, 2.0, 1.0]
    ends = [((-x, -y), (x, -y)), ((-x, y), (x, y)), ((x, -y), (x, y)), ((-x, -y), (-x, y))]
    parts = [box((*size[:2], THICKNESS), (0.0, 0.0, -THICKNESS)), box((*size[:2], THICKNESS), (0.0, 0.0, height))]
    for side, (start, end) in enumerate(np.array(ends)):
        length = float(np.linalg.norm(end - start))
        openings = [Opening((length - d.width) / 2.0, d.width, 0.0, d.height) for d in doors if d.side == side]
        parts.append(wall(start, end, height, THICKNESS, openings))
    return parts


def _piece(height: float, random: np.random.Generator) -> Mesh:
    """A piece of furniture, a machine or a pillar."""
    draw = random.random()
    if draw < 0.1:
        return cylinder(random.uniform(0.15, 0.4), height, (0.0, 0.0, 0.0), sides=12)
    if draw < 0.4:
        return box(random.uniform([0.6, 0.6, 0.8], [3.0, 2.0, 3.0]), (0.0, 0.0, 0.0))
    return PIECES[int(random.integers(len(PIECES)))](random, 0.5)
