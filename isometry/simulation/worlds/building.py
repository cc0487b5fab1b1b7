"""Random buildings: one or two storeys of rooms and corridors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds import furniture
from isometry.simulation.worlds.bend import Bend, random_bend
from isometry.simulation.worlds.interior import Opening, Room, fittings, furnished, wall
from isometry.simulation.worlds.shapes import Mesh, box, cylinder, joined, leaves, sheet

ROOM_TYPES = ("office", "kitchen", "store", "lounge")


@dataclass(frozen=True)
class Door:
    """A door between two rooms."""

    rooms: tuple[int, int]  # their indices
    position: Array  # (2,) metres
    opening: Opening  # in the wall between the rooms


@dataclass(frozen=True)
class Building:
    """The mesh, and the plan of the ground floor before the bend."""

    mesh: Mesh
    rooms: list[Room]
    doors: list[Door]
    bend: Bend

    def path(self, start: int, end: int) -> list[Array]:
        """Waypoints (2,) from the centre of a room to that of another: doors and centres of rooms in order."""
        came_from: dict[int, tuple[int, Array]] = {start: (start, self.rooms[start].centre)}
        waiting = [start]
        for room in waiting:
            for door in self.doors:
                if room in door.rooms:
                    other = door.rooms[0] if door.rooms[1] == room else door.rooms[1]
                    if other not in came_from:
                        came_from[other] = (room, door.position)
                        waiting.append(other)
        waypoints = [self.rooms[end].centre]
        while end != start:
            end, position = came_from[end]
            waypoints += [position, self.rooms[end].centre]
        return waypoints[::-1]


def build_building(random: np.random.Generator) -> Building:
    """A building of random size, plan and contents."""
    size = random.uniform([8.0, 6.0], [60.0, 35.0])
    height = random.choice([random.uniform(2.3, 3.2), random.uniform(3.2, 6.0)], p=[0.7, 0.3])
    thickness = random.uniform(0.08, 0.35)
    largest = random.choice([20.0, 50.0, 100.0, 200.0, 400.0])
    whole = Room(np.zeros(2), size)
    rooms = _split(whole, largest, random)
    doors = _doors(rooms, height, random)
    clutter = random.uniform(0.15, 0.9)
    x, y = whole.centre
    parts = [*_shell(whole, height, thickness, random), *_walls(rooms, doors, height, thickness)]
    for number, room in enumerate(rooms):
        narrow = room.size.min() < 2.5
        room_type = "corridor" if narrow else ROOM_TYPES[random.integers(len(ROOM_TYPES))]
        positions = np.array([door.position for door in doors if number in door.rooms]).reshape(-1, 2)
        density = 0.3 * clutter if narrow else clutter
        inside = Room(room.low + thickness / 2.0, room.high - thickness / 2.0)
        parts += furnished(inside, room_type, positions, density, random) + fittings(inside, height, random)
    flight = rooms[int(np.argmax([room.size.prod() for room in rooms]))]
    if random.random() < 0.4 and flight.size.min() > 3.5:
        steps = int(min(height / 0.18, (flight.size[1] - 1.0) / 0.28))
        climbing = furniture.stairs(steps, 0.18, random.uniform(0.9, 1.6))
        parts.append(joined([climbing], se3.from_planar(flight.high[0] - 1.0, flight.low[1] + 0.5, 0.0)))
        hole = Room(flight.high * [1.0, 0.0] + [-2.0, flight.low[1]], flight.high)
        parts += _ceiling_around(whole, hole, height)
        upper = _split(whole, largest, random)
        lifted = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, height + 0.2]))
        walls = _walls(upper, _doors(upper, height, random), height, thickness)
        parts += [joined([each], lifted) for each in walls]
        parts.append(box((*size, 0.2), (x, y, 2.0 * height + 0.2)))
    else:
        parts.append(box((*size, 0.2), (x, y, height)))
    bend = random_bend(random.choice([0.0, 0.5, 1.5]), random.choice([0.0, 0.1]), (15.0, 60.0), random)
    return Building(bend.mesh(joined(parts)), rooms, doors, bend)


def _split(room: Room, largest: float, random: np.random.Generator) -> list[Room]:
    """Split a room into rooms of at most about `largest` square metres, sometimes along a corridor."""
    narrowest = 2.2
    axis = int(random.random() < room.size[1] / room.size.sum()) if room.size.min() > 6.0 else int(np.argmax(room.size))
    span = room.size[axis]
    if span < 2.0 * narrowest or room.size.prod() < largest * random.uniform(0.5, 1.0):
        return [room]
    if room.size.min() > 7.0 and random.random() < 0.6:
        across = int(np.argmin(room.size))
        width = random.uniform(1.5, 3.5)
        left = room.low[across] + random.uniform(0.3, 0.7) * (room.size[across] - width)
        first, rest = _cut(room, across, left)
        corridor, second = _cut(rest, across, left + width)
        return [*_split(first, largest, random), corridor, *_split(second, largest, random)]
    at = room.low[axis] + random.uniform(narrowest, span - narrowest)
    first, second = _cut(room, axis, at)
    return _split(first, largest, random) + _split(second, largest, random)


def _cut(room: Room, axis: int, at: float) -> tuple[Room, Room]:
    high, low = room.high.copy(), room.low.copy()
    high[axis] = low[axis] = at
    return Room(room.low, high), Room(low, room.high)


def _shared_edge(a: Room, b: Room) -> tuple[Array, Array] | None:
    """Ends (2,) of the wall that two rooms share; None when they share none."""
    for axis in (0, 1):
        other = 1 - axis
        low, high = max(a.low[other], b.low[other]), min(a.high[other], b.high[other])
        for at in (a.high[axis], a.low[axis]):
            if at in (b.low[axis], b.high[axis]) and high - low > 1e-6:
                start, end = np.empty(2), np.empty(2)
                start[axis] = end[axis] = at
                start[other], end[other] = low, high
                return start, end
    return None


def _doors(rooms: list[Room], height: float, random: np.random.Generator) -> list[Door]:
    """Doors that connect all rooms, and some more."""
    edges = []
    for a, b in combinations(range(len(rooms)), 2):
        edge = _shared_edge(rooms[a], rooms[b])
        if edge is not None and np.linalg.norm(edge[1] - edge[0]) > 1.3:
            edges.append((a, b, *edge))
    group = list(range(len(rooms)))
    doors = []
    for k in random.permutation(len(edges)):
        a, b, start, end = edges[k]
        if group[a] == group[b] and random.random() > 0.25:
            continue
        group = [group[b] if each == group[a] else each for each in group]
        length = float(np.linalg.norm(end - start))
        width = min(random.choice([0.9, random.uniform(0.9, 4.0)]), length - 0.35)
        at = random.uniform(0.15, length - width - 0.15)
        top = random.choice([2.05, height])
        position = start + (at + width / 2.0) * (end - start) / length
        doors.append(Door((a, b), position, Opening(at, width, 0.0, min(top, height))))
    return doors


def _walls(rooms: list[Room], doors: list[Door], height: float, thickness: float) -> list[Mesh]:
    """Walls between neighbouring rooms, with their doors."""
    opening = {door.rooms: door.opening for door in doors}
    walls = []
    for a, b in combinations(range(len(rooms)), 2):
        edge = _shared_edge(rooms[a], rooms[b])
        if edge is not None:
            walls.append(wall(*edge, height, thickness, [opening[a, b]] if (a, b) in opening else []))
    return walls


def _shell(whole: Room, height: float, thickness: float, random: np.random.Generator) -> list[Mesh]:
    """Floor, outer walls with windows, and houses and trees outside, which the windows show."""
    (x0, y0), (x1, y1) = whole.low, whole.high
    ground = sheet(np.linspace(x0 - 40.0, x1 + 40.0, 30), np.linspace(y0 - 40.0, y1 + 40.0, 30))
    parts = [ground]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    share = random.uniform(0.0, 0.9)
    for start, end in pairwise(corners):
        length = float(np.linalg.norm(end - start))
        windows = []
        done = random.uniform(0.3, 2.0)
        while done < length - 1.2:
            width = min(random.uniform(0.7, 2.5), length - done - 0.3)
            if random.random() < share:
                windows.append(Opening(done, width, random.uniform(0.3, 1.1), random.uniform(1.8, height - 0.1)))
            done += width + random.uniform(0.3, 1.5)
        parts.append(wall(start, end, height, thickness, windows))
    for _ in range(random.integers(5, 20)):
        angle, away = random.uniform(0.0, 2.0 * np.pi), random.uniform(3.0, 25.0)
        x, y = whole.centre + (np.linalg.norm(whole.size) / 2.0 + away) * np.array([np.cos(angle), np.sin(angle)])
        if random.random() < 0.3:
            parts.append(box(random.uniform([4.0, 4.0, 3.0], [12.0, 10.0, 9.0]), (x, y, 0.0), angle))
        else:
            parts.append(cylinder(0.2, 3.0, (x, y, 0.0)))
            parts.append(leaves(random.uniform(1.0, 3.0, 3), (x, y, 4.0), 120, 0.5, random))
    return parts


def _ceiling_around(whole: Room, hole: Room, height: float) -> list[Mesh]:
    """A ceiling with a rectangular hole."""
    left, rest = _cut(whole, 0, hole.low[0])
    middle, right = _cut(rest, 0, hole.high[0])
    front, rest = _cut(middle, 1, hole.low[1])
    _, back = _cut(rest, 1, hole.high[1])
    slabs = [room for room in (left, right, front, back) if room.size.min() > 1e-3]
    return [box((*room.size, 0.2), (*room.centre, height)) for room in slabs]
