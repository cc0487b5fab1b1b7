"""A straight road between two hedges, kilometres long, with a tree now and then: all of it resembles all of it."""

from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.simulation.worlds.repetition import Region
from isometry.simulation.worlds.shapes import Mesh, box, joined
from isometry.simulation.worlds.street_side import tree
from isometry.simulation.worlds.world import World, route_through

LEAVES_PER_METRE = 40
LEAF_M = 0.25


def build_hedged_road(random: np.random.Generator) -> World:
    """No two places are the same: the twigs of a hedge differ, and the distances between trees do."""
    length, half_width = random.uniform(1500.0, 2500.0), random.uniform(3.5, 5.0)
    parts = [box((length + 400.0, 200.0, 1.0), (length / 2.0, 0.0, -1.0))]
    for side in (-1.0, 1.0):
        hedge = _hedge(length, random.uniform(1.4, 2.6), random.uniform(0.6, 1.2), random)
        parts.append(joined([hedge], se3.from_planar(0.0, side * (half_width + 0.6), 0.0)))
        x = random.uniform(0.0, 100.0)
        while x < length:
            parts += tree(x, side * (half_width + random.uniform(1.8, 4.0)), random)
            x += random.uniform(30.0, 180.0)
    left_out = Region(np.eye(4), np.array([0.4 * length, -9.0, -1.0]), np.array([0.6 * length, 9.0, 1.0]))
    route = route_through(np.array([[0.0, 0.0, 0.0], [length, 0.0, 0.0]]))
    return World(joined(parts), route, lane_m=1.5, left_out=left_out)


def _hedge(length: float, height: float, thickness: float, random: np.random.Generator) -> Mesh:
    """Loose leaves on a dense core, along x from 0 to `length`."""
    count = int(LEAVES_PER_METRE * length)
    centres = random.uniform([0.0, -0.5 * thickness, 0.1], [length, 0.5 * thickness, height], (count, 3))
    vertices = centres[:, None] + random.normal(scale=LEAF_M / 2.0, size=(count, 3, 3))
    leaves = Mesh(vertices.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))
    return joined([leaves, box((length, 0.5 * thickness, 0.85 * height), (length / 2.0, 0.0, 0.0))])
