"""Random streets: bent, hilly, built up or green, with vehicles at given positions."""

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
    """The static world, and a route through it."""

    static: Mesh  # ground, houses, plants, parked cars
    plan: TownPlan
    bend: Bend
    route: Array  # (P,4,4) poses on the ground before the bend, 1 m apart, with loops

    def with_traffic(self, vehicles: Array) -> Mesh:
        """The world with vehicles (V,4): x, y before the bend, yaw, length; metres and radians."""
        meshes = [joined([vehicle(length)], se3.from_planar(x, y, yaw)) for x, y, yaw, length in vehicles]
        return joined([self.static, *(self.bend.mesh(mesh) for mesh in meshes)])


def build_street(random: np.random.Generator) -> Street:
    """A part of a town, or of its green outskirts."""
    plan = TownPlan(
        block_length=random.uniform(45.0, 90.0),
        block_width=random.uniform(40.0, 80.0),
        street_half_width=random.uniform(5.0, 10.0),
    )
    bend = random_bend(random.uniform(0.0, 6.0), random.uniform(0.0, 1.5), (80.0, 300.0), random)
    parts = [_ground(plan, random)]
    without_houses = random.uniform(0.0, 0.8)
    for T_town_side, length in block_sides(plan):
        side = green if random.random() < without_houses else built_up
        parts.append(joined(side(length, random) + clutter(length, random), T_town_side))
    route = SimulatedDrive(
        spacing_m=1.0, lane_offset_m=random.uniform(1.0, 2.5), height_m=0.0, remounted_deg=0.0, plan=plan
    )
    return Street(bend.mesh(joined(parts)), plan, bend, sensor_poses(route))


def random_traffic(plan: TownPlan, random: np.random.Generator) -> Array:
    """Vehicles (V,4) on the streets: x, y in metres, yaw in radians, length in metres."""
    vehicles = []
    for _ in range(random.integers(0, 15)):
        lane = random.choice([-1.0, 1.0]) * random.uniform(1.2, 2.4)
        backwards = np.pi * (lane > 0.0)
        length = random.choice([random.uniform(3.6, 5.0), random.uniform(5.0, 11.0)], p=[0.8, 0.2])
        if random.random() < 0.6:
            x = random.uniform(-0.5, plan.blocks_x + 0.5) * plan.block_length
            vehicles.append((x, plan.block_width * random.integers(0, plan.blocks_y + 1) + lane, backwards, length))
        else:
            y = random.uniform(-0.5, plan.blocks_y + 0.5) * plan.block_width
            x = plan.block_length * random.integers(0, plan.blocks_x + 1) - lane
            vehicles.append((x, y, np.pi / 2.0 + backwards, length))
    return np.array(vehicles).reshape(-1, 4)


def traffic_later(vehicles: Array, random: np.random.Generator) -> Array:
    """Vehicles (V,4) some time later: some have not moved, others have driven on, and some are gone."""
    drives = random.random(len(vehicles)) < 0.7
    distance = drives * random.uniform(1.0, 30.0, len(vehicles))
    later = vehicles.copy()
    later[:, :2] += distance[:, None] * np.column_stack([np.cos(vehicles[:, 2]), np.sin(vehicles[:, 2])])
    return later[random.random(len(vehicles)) < 0.8]


def _ground(plan: TownPlan, random: np.random.Generator) -> Mesh:
    """Smooth streets with kerbs and pavements, and rough ground beyond them."""
    kerb = plan.street_half_width - random.uniform(1.5, 2.5)

    def lines(blocks: int, block: float) -> Array:
        kerbs = np.add.outer(np.arange(blocks + 1) * block, [-kerb - 0.05, -kerb, kerb, kerb + 0.05]).ravel()
        between = np.arange(-block - 60.0, (blocks + 1) * block + 60.0, 2.0)
        apart = np.abs(between[:, None] - kerbs).min(axis=1)
        return np.sort(np.concatenate([kerbs, between[apart > 0.3]]))

    def from_kerb(coordinates: Array, blocks: int, block: float) -> Array:
        return np.asarray(np.abs(coordinates[:, None] - np.arange(blocks + 1) * block).min(axis=1) - kerb)

    ground = sheet(lines(plan.blocks_x, plan.block_length), lines(plan.blocks_y, plan.block_width))
    across = from_kerb(ground.vertices[:, 0], plan.blocks_x, plan.block_length)
    away = np.minimum(across, from_kerb(ground.vertices[:, 1], plan.blocks_y, plan.block_width))
    rough = np.where(away > 2.0, random.uniform(0.0, 0.1), 0.008)
    ground.vertices[:, 2] = random.normal(0.0, rough) + np.where(away > 0.02, random.uniform(0.05, 0.18), 0.0)
    return ground
