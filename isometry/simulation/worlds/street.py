"""Streets that differ from one seed to the next: bent, hilly, built up or green, with traffic that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.worlds.bend import Bend, random_bend
from isometry.simulation.worlds.shapes import Mesh, joined, sheet
from isometry.simulation.worlds.street_side import built_up, clutter, green, vehicle
from isometry.simulation.worlds.town import TownPlan, block_sides


@dataclass(frozen=True)
class Street:
    """What stands still, what drives, and where a vehicle can be."""

    still: Mesh  # ground, houses, plants, parked cars
    plan: TownPlan
    bend: Bend
    route: Array  # (P,4,4) poses on the ground before the bend, about 1 m apart, with loops

    def with_traffic(self, places: Array) -> Mesh:
        """Everything, with a vehicle at each of the places (V,4): x, y in metres before the bend, yaw, length."""
        vehicles = [joined([vehicle(place[3])], se3.from_planar(*place[:3])) for place in places]
        return joined([self.still, *(self.bend.mesh(vehicle) for vehicle in vehicles)])


def build_street(random: np.random.Generator) -> Street:
    """A piece of a town or of its green outskirts."""
    plan = TownPlan(
        block_length=random.uniform(45.0, 90.0),
        block_width=random.uniform(40.0, 80.0),
        street_half_width=random.uniform(5.0, 10.0),
    )
    bend = random_bend(random.uniform(0.0, 6.0), random.uniform(0.0, 1.5), (80.0, 300.0), random)
    parts = [_ground(plan, random)]
    without_houses = random.uniform(0.0, 0.8)
    for T_town_side, length in block_sides(plan):
        along_it = green if random.random() < without_houses else built_up
        parts.append(joined(along_it(length, random) + clutter(length, random), T_town_side))
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


def _ground(plan: TownPlan, random: np.random.Generator) -> Mesh:
    """Smooth streets, kerbs, pavements, and rough ground beyond them."""
    kerb = plan.street_half_width - random.uniform(1.5, 2.5)

    def lines(blocks: int, block: float) -> Array:
        kerbs = np.add.outer(np.arange(blocks + 1) * block, [-kerb - 0.05, -kerb, kerb, kerb + 0.05]).ravel()
        between = np.arange(-block - 60.0, (blocks + 1) * block + 60.0, 2.0)
        apart = np.abs(between[:, None] - kerbs).min(axis=1)
        return np.sort(np.concatenate([kerbs, between[apart > 0.3]]))

    def to_street(at: Array, blocks: int, block: float) -> Array:
        return np.asarray(np.abs(at[:, None] - np.arange(blocks + 1) * block).min(axis=1) - kerb)

    ground = sheet(lines(plan.blocks_x, plan.block_length), lines(plan.blocks_y, plan.block_width))
    across = to_street(ground.vertices[:, 0], plan.blocks_x, plan.block_length)
    away = np.minimum(across, to_street(ground.vertices[:, 1], plan.blocks_y, plan.block_width))
    rough = np.where(away > 2.0, random.uniform(0.0, 0.1), 0.008)
    ground.vertices[:, 2] = random.normal(0.0, rough) + np.where(away > 0.02, random.uniform(0.05, 0.18), 0.0)
    return ground
