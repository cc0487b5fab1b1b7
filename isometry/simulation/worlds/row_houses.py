"""A street between rows of equal houses with equal front gardens; parked cars and hedges differ a little."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.repetition import Region
from isometry.simulation.worlds.shapes import Mesh, box, boxes, cylinder, frustum, joined, leaves
from isometry.simulation.worlds.street_side import green, vehicle
from isometry.simulation.worlds.world import World, route_through

KERB_M = 5.5  # from the middle of the street to the front gardens


def build_row_houses(random: np.random.Generator) -> World:
    """30 to 60 houses a side. Only parked cars and twigs tell one place from that a house further on."""
    front, houses = random.uniform(5.5, 8.5), int(random.integers(30, 61))
    length = front * houses
    parts = [box((length + 300.0, 200.0, 1.0), (length / 2.0, 0.0, -1.0))]
    house = _house(front, random)
    for side in (0, 1):
        T_world_side = se3.from_planar(side * length, 0.0, side * np.pi)
        row = [house_with_garden(house, (k + 0.5) * front, random) for k in range(houses)]
        row += _parked(length, random)
        parts.append(joined(row, T_world_side))
    for end in (-30.0, length + 30.0):  # beyond the houses it is green
        parts.append(joined(green(50.0, random), se3.from_planar(end, 6.0, 0.0)))
        parts.append(joined(green(50.0, random), se3.from_planar(end, -6.0, np.pi)))
    left_out = Region(np.eye(4), np.array([0.4 * length, -9.0, -1.0]), np.array([0.6 * length, 9.0, 1.0]))
    route = route_through(np.array([[-20.0, 0.0, 0.0], [length + 20.0, 0.0, 0.0]]))
    return World(joined(parts), route, lane_m=1.0, left_out=left_out)


def house_with_garden(house: Mesh, x: float, random: np.random.Generator) -> Mesh:
    """The house of the row, with a hedge in its front garden whose twigs are its own; the street lies at y = 0."""
    hedge = leaves((1.2, 0.3, 0.6), (-1.2, KERB_M + 0.5, 0.5), 120, 0.25, random)
    return joined([house, hedge], se3.from_planar(x, 0.0, 0.0))


def _house(front: float, random: np.random.Generator) -> Mesh:
    """A house with porch, windows, drain pipe and garden wall, about x = 0; the street lies at y = 0."""
    garden, depth, height = random.uniform(2.5, 5.0), random.uniform(7.0, 10.0), random.uniform(5.0, 7.0)
    facade, door = KERB_M + garden, random.uniform(-0.35, 0.35) * front
    windows = np.array([[x, facade - 0.05, z] for x in (-0.25 * front, 0.25 * front) for z in (0.9, 3.4)])
    return joined(
        [
            box((front, depth, height), (0.0, facade + depth / 2.0, 0.0)),
            frustum((front, depth + 0.8, random.uniform(2.0, 3.5)), (1.0, 0.05), (0.0, facade + depth / 2.0, height)),
            box((1.6, 2.0 * random.uniform(0.8, 1.4), 2.6), (door, facade, 0.0)),
            boxes(np.tile([random.uniform(1.0, 1.6), 0.3, 1.3], (4, 1)), windows, np.zeros(4)),
            cylinder(0.08, height, (0.5 * front - 0.3, facade - 0.1, 0.0)),
            box((0.2, garden, random.uniform(0.5, 1.0)), (0.5 * front, KERB_M + garden / 2.0, 0.0)),
        ]
    )


def _parked(length: float, random: np.random.Generator) -> list[Mesh]:
    """Cars at the kerb, most slots taken."""
    slots: Array = np.arange(4.0, length - 4.0, 6.2)
    slots = slots[random.random(len(slots)) < 0.7]
    places = [(x + random.normal(0.0, 0.3), KERB_M - 1.3 + random.normal(0.0, 0.08)) for x in slots]
    return [
        joined([vehicle(random.uniform(3.9, 4.8))], se3.from_planar(x, y, random.choice([0.0, np.pi])))
        for x, y in places
    ]
