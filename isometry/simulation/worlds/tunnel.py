"""A long tunnel between a hall and a portal: even, or with a niche now and then."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.furnished_hall import Door, furnished_hall
from isometry.simulation.worlds.interior import Opening, wall
from isometry.simulation.worlds.repetition import Region, Repetition
from isometry.simulation.worlds.shapes import Mesh, box, boxes, joined
from isometry.simulation.worlds.street_side import tree
from isometry.simulation.worlds.world import INDOOR, World, route_through

THICKNESS = 0.3  # metres, of the walls
NICHE = Opening(0.0, 2.5, 0.0, 2.3)
NICHE_DEPTH = 1.2


def build_even_tunnel(random: np.random.Generator) -> World:
    """Further from its ends than the sensor reaches, every place is the same."""
    return _build(random, niches=False)


def build_tunnel_with_niches(random: np.random.Generator) -> World:
    """Niches on both sides, at distances that differ; between some of them the tunnel is even."""
    return _build(random, niches=True)


def _build(random: np.random.Generator, niches: bool) -> World:
    length, width, height = random.uniform(300.0, 600.0), random.uniform(5.0, 9.0), random.uniform(4.0, 6.0)
    starts = np.cumsum(random.uniform(25.0, 170.0, 100))
    starts = starts[starts < length - 10.0] if niches else np.empty(0)
    on_left = random.random(len(starts)) < 0.5
    parts = [
        box((length + 300.0, 300.0, 1.0), (length / 2.0 + 100.0, 0.0, -1.0)),
        box((length, width + 2.0, THICKNESS), (length / 2.0, 0.0, height)),
        *_side(length, height, width, starts[on_left]),
        _mirrored(joined(_side(length, height, width, starts[~on_left]))),
    ]
    size = np.array([random.uniform(18.0, 28.0), random.uniform(width + 4.0, 24.0), random.uniform(6.0, 8.0)])
    lane = 0.25 * width - 0.5
    half = size[0] / 2.0
    both_lanes = np.array([[3.0 - half, -lane], [half, -lane], [half, lane], [3.0 - half, lane]])
    hall = furnished_hall(size, [Door(2, width, height)], both_lanes, random)
    parts.append(joined(hall, se3.from_planar(-half, 0.0, 0.0)))
    parts += _outside(length, height, width, random)
    landmarks = np.concatenate([[0.0], starts, [length]])
    regions = _between(landmarks, width)
    left_out = Region(np.eye(4), np.array([0.45 * length, -width, -1.0]), np.array([0.6 * length, width, 1.0]))
    return World(
        mesh=joined(parts),
        route=route_through(np.array([[3.0 - size[0], 0.0, 0.0], [length + 60.0, 0.0, 0.0]])),
        lane_m=lane,
        left_out=left_out,
        repetitions=[Repetition(regions, even=True, half_turn=True)] if regions else [],
        lidar=INDOOR,
    )


def _between(landmarks: Array, width: float) -> list[Region]:
    """The stretches between neighbouring landmarks (L,), along x in metres, from which neither of them is seen."""
    margin = INDOOR.range_m + NICHE.width
    half = 0.5 * width
    return [
        Region(np.eye(4), np.array([start + margin, -half, -1.0]), np.array([end - margin, half, 1.0]))
        for start, end in pairwise(landmarks)
        if end - start > 2.0 * margin
    ]


def _side(length: float, height: float, width: float, niches: Array) -> list[Mesh]:
    """The wall on the left, with a niche at each of the starts (K,) along x."""
    y = (width + THICKNESS) / 2.0
    openings = [Opening(start, NICHE.width, NICHE.sill, NICHE.top) for start in niches]
    parts = [wall(np.array([0.0, y]), np.array([length, y]), height, THICKNESS, openings)]
    if len(niches):
        deep, wide = NICHE_DEPTH, NICHE.width
        shell = np.array([[wide, 0.2, NICHE.top], [0.2, deep, NICHE.top], [0.2, deep, NICHE.top], [wide, deep, 0.2]])
        at = np.array([[0.5 * wide, deep, 0.0], [0.0, deep / 2, 0.0], [wide, deep / 2, 0.0], [wide / 2, deep / 2, 2.3]])
        positions = (at + np.column_stack([niches, np.full((len(niches), 2), [y, 0.0])])[:, None]).reshape(-1, 3)
        parts.append(boxes(np.tile(shell, (len(niches), 1)), positions, np.zeros(len(positions))))
    return parts


def _mirrored(mesh: Mesh) -> Mesh:
    """The mesh on the other side of the x axis."""
    return Mesh(mesh.vertices * [1.0, -1.0, 1.0], mesh.triangles)


def _outside(length: float, height: float, width: float, random: np.random.Generator) -> list[Mesh]:
    """The slope around the portal, and trees beside the road beyond it."""
    parts = [
        box((THICKNESS, 40.0, random.uniform(8.0, 12.0) - height), (length, 0.0, height)),
        *(box((THICKNESS, 20.0, height), (length, side * (10.0 + width / 2.0), 0.0)) for side in (-1.0, 1.0)),
    ]
    for _ in range(25):
        side = random.choice([-1.0, 1.0])
        parts += tree(length + random.uniform(3.0, 90.0), side * random.uniform(6.0, 25.0), random)
    return parts
