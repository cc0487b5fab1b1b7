"""A random town of straight streets on a grid: building fronts, trees, poles and parked cars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh, box, crown, cylinder, joined


@dataclass(frozen=True)
class TownPlan:
    """Crossing (i, j) lies at x = i * block_length, y = j * block_width. Metres."""

    blocks_x: int = 2  # blocks that the route goes around; there is one more on each side
    blocks_y: int = 1
    block_length: float = 64.0
    block_width: float = 52.0
    street_half_width: float = 7.0  # from the centre line to the lots


def build_town(plan: TownPlan, random: np.random.Generator) -> Mesh:
    """The town and its flat ground at z = 0, as one mesh."""
    parts = [box((2000.0, 2000.0, 1.0), (0.0, 0.0, -1.0))]
    parts += [joined(built_up_side(length, random), T_town_side) for T_town_side, length in block_sides(plan)]
    return joined(parts)


def block_sides(plan: TownPlan) -> Iterator[tuple[Array, float]]:
    """T_town_side (4,4) and length in metres of each side of each block, block by block.

    In the frame of a side, x runs along the street, the street lies at y < 0 and the lots at y > 0.
    """
    for i in range(-1, plan.blocks_x + 1):
        for j in range(-1, plan.blocks_y + 1):
            x, y = (i + 0.5) * plan.block_length, (j + 0.5) * plan.block_width
            for side in range(4):
                along, across = (plan.block_length, plan.block_width)[:: 1 if side % 2 == 0 else -1]
                T_block_side = se3.from_planar(0.0, 0.0, side * np.pi / 2.0)
                T_block_side = T_block_side @ se3.from_planar(0.0, plan.street_half_width - across / 2.0, 0.0)
                yield se3.from_planar(x, y, 0.0) @ T_block_side, along - 2.0 * plan.street_half_width


def built_up_side(length: float, random: np.random.Generator) -> list[Mesh]:
    """Buildings, greenery, poles and parked cars along one side of a block, in the frame of the side."""
    return _buildings(length, random) + greenery_and_poles(length, random) + parked_cars(length, random)


def _buildings(length: float, random: np.random.Generator) -> list[Mesh]:
    buildings = []
    left = -length / 2.0
    while left < length / 2.0 - 5.0:
        front = min(random.uniform(6.0, 18.0), length / 2.0 - left)
        depth, height, setback = random.uniform(5.0, 9.0), random.uniform(3.0, 14.0), random.uniform(0.3, 5.0)
        x = left + front / 2.0
        buildings.append(box((front, depth, height), (x, setback + depth / 2.0, 0.0)))
        if random.random() < 0.5:  # a porch, a bay window or a stair
            width, reach = random.uniform(1.0, front / 2.0), random.uniform(0.5, 1.5)
            x += random.uniform(-0.5, 0.5) * (front - width)
            buildings.append(box((width, 2.0 * reach, random.uniform(1.0, height)), (x, setback, 0.0)))
        left += front + random.choice([0.0, random.uniform(1.0, 8.0)])
    return buildings


def greenery_and_poles(length: float, random: np.random.Generator) -> list[Mesh]:
    """Trees, poles and bins along the kerb of a side of a block."""
    things = []
    for x in np.arange(-length / 2.0, length / 2.0, 5.0):
        x, y = x + random.uniform(0.0, 4.0), random.uniform(-1.5, -0.5)
        draw = random.random()
        if draw < 0.35:
            trunk = random.uniform(1.8, 3.5)
            radius = random.uniform(0.8, 2.2)
            things.append(cylinder(random.uniform(0.1, 0.3), trunk + radius, (x, y, 0.0)))
            things.append(crown(radius, (x, y, trunk + radius), random))
        elif draw < 0.55:
            things.append(cylinder(0.08, random.uniform(3.0, 8.0), (x, y, 0.0)))
        elif draw < 0.65:
            things.append(box((random.uniform(1.0, 4.0), 0.6, random.uniform(0.6, 1.8)), (x, y, 0.0)))
    return things


def parked_cars(length: float, random: np.random.Generator) -> list[Mesh]:
    """Cars along a side of a block, in a row with gaps."""
    cars = []
    for x in np.arange(-length / 2.0 + 3.0, length / 2.0 - 3.0, 6.0):
        if random.random() < 0.4:
            yaw, y = random.normal(0.0, 0.03), -2.8 + random.normal(0.0, 0.1)
            cars.append(box((random.uniform(3.6, 4.8), 1.75, 0.9), (x, y, 0.25), yaw))
            cars.append(box((random.uniform(1.8, 3.0), 1.55, 0.6), (x, y, 1.15), yaw))
    return cars
