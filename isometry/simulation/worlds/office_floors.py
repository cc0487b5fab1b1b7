"""An office building: equal floors between a lobby and a different highest floor."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from isometry.simulation.worlds.interior import Opening, Room, fittings, furnished, wall
from isometry.simulation.worlds.shapes import Mesh
from isometry.simulation.worlds.storeys import LANDING_M, SLAB_M, WALL_M, Storeys
from isometry.simulation.worlds.world import World


def build_office_floors(random: np.random.Generator) -> World:
    """Five or six floors with a corridor between rooms; those in the middle have the same rooms and furniture."""
    storeys = Storeys(
        levels=int(random.integers(5, 7)),
        length=random.uniform(34.0, 50.0),
        width=random.uniform(12.0, 16.0),
        height=random.uniform(2.9, 3.5),
    )
    corridor = random.uniform(1.9, 2.6)
    equal = _floor(storeys, corridor, random)
    contents = [_lobby(storeys, random), *[equal] * (storeys.levels - 2), _floor(storeys, corridor, random)]
    return storeys.world(contents, y=storeys.width / 2.0, lane_m=0.3, sensor_height_m=1.2)


def _floor(storeys: Storeys, corridor: float, random: np.random.Generator) -> list[Mesh]:
    """Rooms of random width on both sides of the corridor, with open doors, and their furniture."""
    clear = storeys.height - SLAB_M
    near, far = (storeys.width - corridor) / 2.0, (storeys.width + corridor) / 2.0
    start, end = LANDING_M, storeys.length - LANDING_M
    parts: list[Mesh] = []
    for front, back in ((near, 0.0), (far, storeys.width)):
        edges, doors = [start], []
        while edges[-1] < end:
            width = random.uniform(3.0, 6.5)
            edges.append(edges[-1] + width if end - edges[-1] - width > 3.0 else end)
        for left, right in pairwise(edges):
            door = Opening(random.uniform(left + 0.4, right - 1.4) - start, 1.0, 0.0, 2.05)
            inside = Room(np.array([left, min(front, back)]) + WALL_M, np.array([right, max(front, back)]) - WALL_M)
            room_type = str(random.choice(["office", "office", "kitchen", "store", "lounge"]))
            way = np.array([[start + door.start + 0.5, front]])
            parts += furnished(inside, room_type, way, 0.5, random) + fittings(inside, clear, random)
            doors.append(door)
        parts.append(wall(np.array([start, front]), np.array([end, front]), clear, WALL_M, doors))
        parts += [wall(np.array([x, front]), np.array([x, back]), clear, WALL_M, []) for x in edges]
    return parts


def _lobby(storeys: Storeys, random: np.random.Generator) -> list[Mesh]:
    """One large room, furnished away from the way through its middle."""
    parts: list[Mesh] = []
    for low, high in ((1.0, storeys.width / 2.0 - 1.5), (storeys.width / 2.0 + 1.5, storeys.width - 0.5)):
        part = Room(np.array([LANDING_M + 1.0, low]), np.array([storeys.length - LANDING_M - 1.0, high]))
        parts += furnished(part, "lounge", np.zeros((0, 2)), 0.4, random)
    return parts
