"""Streets that differ from one seed to the next: bent, hilly, built up or green, with traffic that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.simulation.bend import Bend, random_bend
from isometry.datasets.simulation.drive import SimulatedDrive, sensor_poses
from isometry.datasets.simulation.shapes import Mesh, box, boxes, crown, cylinder, joined, leaves, sheet
from isometry.datasets.simulation.town import TownPlan, block_sides, built_up_side
from isometry.geometry import se3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Street:
    """What stands still, what drives, and where a vehicle can be."""

    still: Mesh  # ground, houses, plants, parked cars
    plan: TownPlan
    bend: Bend
    route: Array  # (P,4,4) poses on the ground before the bend, about 1 m apart, with loops

    def with_traffic(self, places: Array) -> Mesh:
        """Everything, with a vehicle at each of the places (V,4): x, y in metres before the bend, yaw, length."""
        vehicles = [joined([_vehicle(place[3])], se3.from_planar(*place[:3])) for place in places]
        return joined([self.still, *(self.bend.mesh(vehicle) for vehicle in vehicles)])


def build_street(random: np.random.Generator) -> Street:
    """A piece of a town or of its green outskirts."""
    plan = TownPlan(
        block_length=random.uniform(45.0, 90.0),
        block_width=random.uniform(40.0, 80.0),
        street_half_width=random.uniform(5.0, 10.0),
    )
    bend = random_bend(random.uniform(0.0, 6.0), random.uniform(0.0, 2.5), (80.0, 300.0), random)
    extent = 120.0
    x = np.arange(-plan.block_length - extent, (plan.blocks_x + 1) * plan.block_length + extent, 5.0)
    y = np.arange(-plan.block_width - extent, (plan.blocks_y + 1) * plan.block_width + extent, 5.0)
    parts = [sheet(x, y)]
    green = random.uniform(0.0, 1.0) ** 2  # share of block sides without houses
    for T_town_side, length in block_sides(plan):
        stands = _green_side(length, random) if random.random() < green else built_up_side(length, random)
        parts.append(joined(stands + _clutter(length, random), T_town_side))
    route = SimulatedDrive(
        spacing_m=1.0, lane_offset_m=random.uniform(1.0, 2.5), height_m=0.0, remounted_deg=0.0, plan=plan
    )
    return Street(bend.mesh(joined(parts)), plan, bend, sensor_poses(route))


def random_traffic(plan: TownPlan, random: np.random.Generator) -> Array:
    """Vehicles (V,4) on the streets: x, y in metres, yaw in radians, length in metres."""
    places = []
    for _ in range(random.integers(0, 15)):
        lane = random.choice([-1.0, 1.0]) * random.uniform(1.2, 2.4)
        backwards = np.pi * (lane > 0.0)
        length = random.choice([random.uniform(3.6, 5.0), random.uniform(5.0, 11.0)], p=[0.8, 0.2])
        if random.random() < 0.6:
            x = random.uniform(-0.5, plan.blocks_x + 0.5) * plan.block_length
            places.append((x, plan.block_width * random.integers(0, plan.blocks_y + 1) + lane, backwards, length))
        else:
            y = random.uniform(-0.5, plan.blocks_y + 0.5) * plan.block_width
            x = plan.block_length * random.integers(0, plan.blocks_x + 1) - lane
            places.append((x, y, np.pi / 2.0 + backwards, length))
    return np.array(places).reshape(-1, 4)


def moved_on(places: Array, random: np.random.Generator) -> Array:
    """Where traffic (V,4) is a while later: some of it stood still, the rest drove on or away."""
    drives = random.random(len(places)) < 0.7
    distance = drives * random.uniform(1.0, 30.0, len(places))
    later = places.copy()
    later[:, :2] += distance[:, None] * np.column_stack([np.cos(places[:, 2]), np.sin(places[:, 2])])
    return later[random.random(len(places)) < 0.8]


def _vehicle(length: float) -> Mesh:
    """A car, or a van or lorry when it is longer than one."""
    if length > 5.0:
        return boxes(
            np.array([[length, 2.2, 0.3 * length + 0.2], [1.4, 2.0, 1.4]]),
            np.array([[0.0, 0.0, 0.4], [length / 2.0 + 0.5, 0.0, 0.4]]),
            np.zeros(2),
        )
    return boxes(
        np.array([[length, 1.75, 0.8], [0.55 * length, 1.55, 0.6]]),
        np.array([[0.0, 0.0, 0.25], [-0.08 * length, 0.0, 1.05]]),
        np.zeros(2),
    )


def _green_side(length: float, random: np.random.Generator) -> list[Mesh]:
    """Trees, bushes, a hedge or a fence, and now and then a shed."""
    things: list[Mesh] = []
    for _ in range(int(length * random.uniform(0.05, 0.4))):
        x, y = random.uniform(-0.5, 0.5) * length, random.uniform(0.5, 15.0)
        things += _tree(x, y, random) if random.random() < 0.5 else [_bush(x, y, random)]
    if random.random() < 0.4:
        start, width = random.uniform(-0.5, 0.2) * length, random.uniform(0.2, 0.8) * length
        y = random.uniform(0.0, 3.0)
        if random.random() < 0.5:
            middle = (start + width / 2.0, y, 0.6)
            things.append(leaves((width / 2.0, 0.5, 0.8), middle, int(40 * width), 0.25, random))
        else:
            posts = np.arange(start, start + width, 2.5)
            sizes = np.tile([0.1, 0.1, random.uniform(0.8, 1.8)], (len(posts), 1))
            things.append(boxes(sizes, np.column_stack([posts, np.full((len(posts), 2), [y, 0.0])]), 0.0 * posts))
            things.append(box((width, 0.04, random.uniform(0.1, 1.2)), (start + width / 2.0, y, 0.4)))
    if random.random() < 0.4:
        size = random.uniform(2.0, 8.0, 3) * [1.0, 1.0, 0.6]
        position = (random.uniform(-0.4, 0.4) * length, random.uniform(6.0, 15.0), 0.0)
        things.append(box(size, position, random.uniform(0.0, np.pi)))
    return things


def _clutter(length: float, random: np.random.Generator) -> list[Mesh]:
    """What no plan foresees along a street: bushes, signs, bins, people, things at odd angles."""
    things: list[Mesh] = []
    for _ in range(int(length * random.uniform(0.05, 0.3))):
        x, y = random.uniform(-0.5, 0.5) * length, random.uniform(-1.8, 5.0)
        kind = random.random()
        if kind < 0.3:
            things.append(_bush(x, y, random))
        elif kind < 0.4:
            things += _tree(x, y, random)
        elif kind < 0.6:
            top = random.uniform(1.8, 3.5)
            things.append(cylinder(0.05, top, (x, y, 0.0), sides=5))
            things.append(box((random.uniform(0.3, 1.5), 0.04, 0.6), (x, y, top - 0.5), random.uniform(0.0, np.pi)))
        elif kind < 0.75:
            things.append(cylinder(random.uniform(0.18, 0.3), random.uniform(1.5, 1.85), (x, y, 0.0)))
        else:
            size = random.uniform([0.3, 0.3, 0.3], [3.0, 1.2, 2.0])
            things.append(box(size, (x, y, 0.0), random.uniform(0.0, np.pi)))
    return things


def _tree(x: float, y: float, random: np.random.Generator) -> list[Mesh]:
    trunk, radius = random.uniform(1.0, 4.0), random.uniform(0.8, 3.0)
    stem = cylinder(random.uniform(0.08, 0.35), trunk + radius, (x, y, 0.0))
    if random.random() < 0.3:
        return [stem, crown(radius, (x, y, trunk + radius), random)]
    extent = radius * random.uniform([0.7, 0.7, 0.7], [1.0, 1.0, 1.6])
    count, size = random.integers(60, 250), random.uniform(0.2, 0.6)
    return [stem, leaves(extent, (x, y, trunk + radius), int(count), size, random)]


def _bush(x: float, y: float, random: np.random.Generator) -> Mesh:
    radii = random.uniform(0.3, 1.5, 3)
    return leaves(radii, (x, y, 0.7 * radii[2]), int(random.integers(30, 150)), random.uniform(0.1, 0.4), random)
