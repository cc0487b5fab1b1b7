"""A cluttered room, and the motion of a handheld camera in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.simulation.sensors.depth_camera import looking
from isometry.simulation.worlds.bend import random_bend
from isometry.simulation.worlds.interior import Opening, Room, fittings, furnished, wall
from isometry.simulation.worlds.shapes import Mesh, box, joined


@dataclass(frozen=True)
class ClutteredRoom:
    """The mesh, and the extent of the room before the bend."""

    mesh: Mesh
    plan: Room
    height: float  # metres


def build_room(random: np.random.Generator) -> ClutteredRoom:
    """A kitchen, an office, a store or a living room, densely furnished."""
    plan = Room(np.zeros(2), random.uniform(2.4, 5.5, 2))
    height = random.uniform(2.3, 3.0)
    corners = np.array([plan.low, [plan.high[0], plan.low[1]], plan.high, [plan.low[0], plan.high[1]]])
    parts = [box((*plan.size, 0.2), (*plan.centre, -0.2)), box((*plan.size, 0.2), (*plan.centre, height))]
    for side in range(4):
        openings = []
        length = plan.size[side % 2]
        if random.random() < 0.4:
            width = random.uniform(0.8, 1.6)
            start = random.uniform(0.2, length - width - 0.2)
            openings = [Opening(start, width, random.choice([0.0, 0.9]), 2.05)]
        parts.append(wall(corners[side], corners[(side + 1) % 4], height, 0.2, openings))
    inside = Room(plan.low + 0.1, plan.high - 0.1)
    room_type = random.choice(["office", "kitchen", "store", "lounge"])
    parts += furnished(inside, room_type, np.zeros((0, 2)), random.uniform(0.6, 1.5), random)
    parts += fittings(inside, height, random)
    bend = random_bend(random.choice([0.0, 0.3]), 0.0, (4.0, 12.0), random)
    return ClutteredRoom(bend.mesh(joined(parts)), plan, height)


def random_view(room: ClutteredRoom, random: np.random.Generator) -> tuple[Array, Array]:
    """Position (3,) of a handheld camera and the point (3,) that it looks at, in metres."""
    position = np.append(random.uniform(room.plan.low + 0.5, room.plan.high - 0.5), random.uniform(1.0, 1.8))
    target = np.append(random.uniform(room.plan.low, room.plan.high), random.uniform(0.2, 1.5))
    away = target - position
    return position, position + away * min(1.0, random.uniform(1.0, 3.0) / float(np.linalg.norm(away)))


def hand_motion(position: Array, target: Array, frames: int, random: np.random.Generator) -> Array:
    """Camera poses (K,4,4) of a smooth motion that starts at a position (3,) and looks at a target (3,) at first."""
    time = np.linspace(0.0, 1.0, frames)[:, None]
    sway = 0.5 * random.uniform(0.2, 1.0) * random.normal(size=(2, 3)) * [1.0, 1.0, 0.4]
    bow = np.sin(np.pi * time)
    positions = position + time * sway[0] + bow * random.normal(scale=0.05, size=3)
    targets = target + time * 2.0 * sway[1] + bow * random.normal(scale=0.1, size=3)
    rolls = random.normal(0.0, 0.15) + time[:, 0] * random.normal(0.0, 0.1)
    return np.array([looking(*each) for each in zip(positions, targets, rolls, strict=True)])
