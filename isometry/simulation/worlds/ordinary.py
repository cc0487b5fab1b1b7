"""Worlds of which every place is a different one, for contrast: a town, a street of it, a building."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from isometry.arrays import Array
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.building import build_building
from isometry.simulation.worlds.repetition import Region
from isometry.simulation.worlds.street import build_street
from isometry.simulation.worlds.town import TownPlan, build_town
from isometry.simulation.worlds.world import INDOOR, World, route_through

ROUND = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 0.0]])  # crossings around both blocks
ROOMS_VISITED = 8
CLEARANCE_M = 0.4  # of a route through furnished rooms
SENSOR_M = 1.2  # above the floor of a building


def build_town_round(random: np.random.Generator) -> World:
    """Around two blocks of a town of straight streets."""
    plan = TownPlan()
    return World(build_town(plan, random), _round(plan), lane_m=1.75, left_out=_far_street(plan))


def build_street_round(random: np.random.Generator) -> World:
    """Around two blocks of curved and hilly streets, built up or green."""
    street = build_street(random)
    route = np.array([street.bend.pose(T) for T in _round(street.plan)])
    return World(street.static, route, lane_m=1.5, left_out=_far_street(street.plan))


def build_building_walk(random: np.random.Generator) -> World:
    """Through some furnished rooms of a building, as far as nothing stands in the way."""
    building = build_building(random)
    rooms = range(min(ROOMS_VISITED, len(building.rooms)))
    corners = [point for start, end in pairwise(rooms) for point in building.path(start, end)[:-1]]
    corners = corners or [building.rooms[0].low + 0.8]
    corners.append(building.rooms[rooms[-1]].centre)
    distinct = [corners[0], *(b for a, b in pairwise(corners) if np.linalg.norm(b - a) > 0.1)]
    route = route_through(np.pad(np.array(distinct), ((0, 0), (0, 1))), rounding_m=0.3)
    route = np.array([building.bend.pose(T) for T in route])
    sensor = route[:, :3, 3] + SENSOR_M * route[:, :3, 2]
    route = route[RayCaster(building.mesh).clearance(sensor) > CLEARANCE_M]
    return World(building.mesh, route, 0.1, _dead_end(route), lidar=INDOOR, sensor_height_m=SENSOR_M)


def _dead_end(route: Array) -> Region:
    """The box around a seventh of a route (P,4,4) through which the rest of it passes least."""
    positions = route[:, :3, 3]
    boxes = [Region(np.eye(4), part.min(axis=0) - 0.3, part.max(axis=0) + 0.3) for part in np.array_split(positions, 7)]
    return min(boxes, key=lambda box: sum(box.contains(T) for T in route[::5]))


def _round(plan: TownPlan) -> Array:
    corners = ROUND * (plan.block_length, plan.block_width)
    return route_through(np.pad(corners, ((0, 0), (0, 1))), rounding_m=3.0)


def _far_street(plan: TownPlan) -> Region:
    """The street between the two crossings that are furthest from the start."""
    x, y = 2.0 * plan.block_length, plan.block_width
    return Region(np.eye(4), np.array([0.2 * x, y - 10.0, -5.0]), np.array([0.7 * x, y + 10.0, 5.0]))
