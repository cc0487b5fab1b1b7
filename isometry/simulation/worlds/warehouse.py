"""A warehouse: aisles between equal racks, most of them with equal goods."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.furnished_hall import empty_hall
from isometry.simulation.worlds.repetition import Repetition, translated
from isometry.simulation.worlds.shapes import Mesh, boxes, joined
from isometry.simulation.worlds.world import INDOOR, World, route_through

BAY_M, RACK_DEPTH = 2.7, 1.1  # metres
LEVELS = np.array([0.15, 1.8, 3.5, 5.2])  # metres, of the boards
RACK_TOP = 7.0
CROSSING_M = 5.0  # from the ends of the racks to the walls
INSIDE_M = 4.0  # from the end of an aisle, beyond which other aisles are not seen


def build_warehouse(random: np.random.Generator) -> World:
    """Six to nine aisles. A third of the inner ones have goods of their own; the others cannot be told apart."""
    aisles, bays, aisle = int(random.integers(6, 10)), int(random.integers(10, 18)), random.uniform(3.0, 4.0)
    length, pitch = BAY_M * bays, aisle + 2.0 * RACK_DEPTH
    middles = np.asarray(pitch * (np.arange(aisles) - (aisles - 1) / 2.0), np.float64)
    size = np.array([length + 2.0 * CROSSING_M, pitch * aisles + 1.0, random.uniform(8.5, 11.0)])
    own = np.full(aisles, False)
    own[random.permutation(np.arange(1, aisles - 1))[: max(1, (aisles - 2) // 3)]] = True
    own[[0, -1]] = True  # they differ anyway, by the wall beside them
    shared_seed = int(random.integers(2**32))
    parts = empty_hall(size, [])
    for y, has_own in zip(middles, own, strict=True):
        goods = random if has_own else np.random.default_rng(shared_seed)
        for side in (0.0, np.pi):
            parts.append(joined([_rack(bays, aisle, goods)], se3.from_planar(0.0, y, side)))
    half = length / 2.0 - INSIDE_M
    positions = np.column_stack([np.zeros(aisles), middles, np.zeros(aisles)])[~own]
    equal = translated(positions, np.array([-half, -aisle / 2.0, -1.0]), np.array([half, aisle / 2.0, 1.0]))
    return World(
        mesh=joined(parts),
        route=route_through(_serpentine(middles, length / 2.0 + CROSSING_M / 2.0)),
        lane_m=0.4,
        left_out=equal[len(equal) // 2],
        repetitions=[Repetition(equal)],
        lidar=INDOOR,
    )


def _rack(bays: int, aisle: float, random: np.random.Generator) -> Mesh:
    """The rack on the left of an aisle along x: uprights, boards, goods, and a panel at its back."""
    length, front = BAY_M * bays, aisle / 2.0
    uprights = np.array([[BAY_M * k - length / 2.0, front + y] for k in range(bays + 1) for y in (0.05, 1.0)])
    posts = np.tile([0.1, 0.08, RACK_TOP], (len(uprights), 1))
    boards = np.column_stack([np.zeros(4), np.full(4, front + RACK_DEPTH / 2.0), LEVELS - 0.12])
    sizes, positions = [], []
    for bay in range(bays):
        for level in LEVELS:
            for slot in (-0.8, 0.0, 0.8):
                size = random.uniform([0.5, 0.6, 0.3], [0.75, 0.95, 1.4])
                if random.random() < 0.75:
                    sizes.append(size)
                    middle = BAY_M * (bay + 0.5) - length / 2.0 + slot
                    positions.append([middle, front + RACK_DEPTH - 0.05 - size[1] / 2.0, level])
    back = np.array([[length, 0.04, RACK_TOP]]), np.array([[0.0, front + RACK_DEPTH - 0.02, 0.0]])
    all_sizes = np.vstack([posts, np.tile([length, RACK_DEPTH, 0.12], (4, 1)), sizes, back[0]])
    all_positions = np.vstack([np.pad(uprights, ((0, 0), (0, 1))), boards, positions, back[1]])
    return boxes(all_sizes, all_positions, np.zeros(len(all_sizes)))


def _serpentine(middles: Array, turn_at: float) -> Array:
    """Corners (K,3) of a way up one aisle and down the next."""
    ends = [turn_at * np.array([-1.0, 1.0]) * (-1.0) ** k for k in range(len(middles))]
    corners = [(x, y, 0.0) for pair, y in zip(ends, middles, strict=True) for x in pair]
    return np.array(corners)
