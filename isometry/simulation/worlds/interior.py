"""Rooms: walls with doors and windows, furniture and fittings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds import furniture
from isometry.simulation.worlds.shapes import Mesh, box, boxes, cylinder, joined

Piece = Callable[[np.random.Generator, float], Mesh]
# Furniture along the walls of each type of room, and away from the walls
ALONG_WALLS: dict[str, Sequence[Piece]] = {
    "office": (furniture.table, furniture.table, furniture.shelf, furniture.cabinet, furniture.plant, furniture.chair),
    "kitchen": (furniture.counter, furniture.counter, furniture.cabinet, furniture.shelf, furniture.pile),
    "store": (furniture.shelf, furniture.shelf, furniture.pile, furniture.cabinet),
    "lounge": (furniture.sofa, furniture.shelf, furniture.cabinet, furniture.plant, furniture.pile),
    "corridor": (furniture.cabinet, furniture.plant, furniture.pile, furniture.chair),
}
FREE_STANDING: dict[str, Sequence[Piece]] = {
    "office": (furniture.table, furniture.chair, furniture.chair, furniture.board, furniture.person),
    "kitchen": (furniture.table, furniture.chair, furniture.chair, furniture.person),
    "store": (furniture.shelf, furniture.pile, furniture.pile),
    "lounge": (furniture.table, furniture.chair, furniture.sofa, furniture.plant, furniture.person),
    "corridor": (furniture.person, furniture.pile),
}


@dataclass(frozen=True)
class Opening:
    """A door or a window in a wall, in metres: `start` along the wall, and two heights."""

    start: float
    width: float
    sill: float
    top: float


@dataclass(frozen=True)
class Room:
    """A rectangle on the plan, in metres."""

    low: Array  # (2,)
    high: Array  # (2,)

    @property
    def size(self) -> Array:
        """Length along x and along y (2,)."""
        return self.high - self.low

    @property
    def centre(self) -> Array:
        """Middle of the plan (2,)."""
        return (self.low + self.high) / 2.0


def wall(start: Array, end: Array, height: float, thickness: float, openings: Sequence[Opening]) -> Mesh:
    """A wall between two points (2,) of the plan; openings must not overlap."""
    along = end - start
    length = float(np.linalg.norm(along))
    pieces = []  # from, to, bottom, top
    done = 0.0
    for opening in sorted(openings, key=lambda each: each.start):
        close = min(opening.start + opening.width, length)
        pieces.append((done, opening.start, 0.0, height))
        pieces.append((opening.start, close, 0.0, opening.sill))
        pieces.append((opening.start, close, min(opening.top, height), height))
        done = close
    pieces.append((done, length, 0.0, height))
    x0, x1, z0, z1 = np.array([piece for piece in pieces if piece[1] > piece[0] and piece[3] > piece[2]]).T
    sizes = np.column_stack([x1 - x0, np.full(len(x0), thickness), z1 - z0])
    positions = np.column_stack([start + np.outer((x0 + x1) / (2.0 * length), along), z0])
    return boxes(sizes, positions, np.full(len(x0), np.arctan2(along[1], along[0])))


def furnished(room: Room, room_type: str, doors: Array, clutter: float, random: np.random.Generator) -> list[Mesh]:
    """Furniture for a type of room, away from its doors (D,2); with a `clutter` of 1 the room is about full."""
    parts = []
    for side in range(4):
        parts += _along_wall(room, side, room_type, doors, clutter, random)
    free = int(room.size.prod() * clutter * random.uniform(0.05, 0.25))
    for _ in range(free):
        x, y = random.uniform(room.low + 0.7, np.maximum(room.high - 0.7, room.low + 0.71))
        if _far(np.array([x, y]), doors, 1.2):
            piece = FREE_STANDING[room_type][int(random.integers(len(FREE_STANDING[room_type])))]
            parts.append(joined([piece(random, clutter)], se3.from_planar(x, y, random.uniform(0.0, 2.0 * np.pi))))
    return parts


def fittings(room: Room, height: float, random: np.random.Generator) -> list[Mesh]:
    """Beams, pipes and lamps below the ceiling, and pillars in large rooms."""
    parts: list[Mesh] = []
    x, y = room.centre
    if random.random() < 0.4:
        spacing = random.uniform(1.5, 3.5)
        size = (random.uniform(0.1, 0.4), room.size[1], 0.3)
        beams = np.arange(room.low[0] + spacing / 2.0, room.high[0], spacing)
        parts += [box(size, (beam, y, height - 0.3)) for beam in beams]
    if random.random() < 0.4:
        pipe = random.uniform(room.low[1] + 0.2, room.high[1] - 0.2)
        parts.append(box((room.size[0], 0.2, 0.2), (x, pipe, height - random.uniform(0.3, 0.6))))
    if random.random() < 0.5:
        for _ in range(random.integers(1, 6)):
            position = random.uniform(room.low + 0.4, room.high - 0.4)
            size = (random.uniform(0.2, 1.2), 0.25, 0.1)
            parts.append(
                box(size, (*position, height - random.uniform(0.1, 0.7)), random.choice([0.0, 0.5, 1.0]) * np.pi)
            )
    if room.size.min() > 5.0 and random.random() < 0.7:
        spacing = random.uniform(3.0, 5.0)
        for pillar_x in np.arange(room.low[0] + spacing / 2.0, room.high[0], spacing):
            for pillar_y in np.arange(room.low[1] + spacing / 2.0, room.high[1], spacing):
                if random.random() < 0.5:
                    parts.append(cylinder(random.uniform(0.15, 0.35), height, (pillar_x, pillar_y, 0.0), sides=12))
                elif random.random() < 0.5:
                    parts.append(box((0.4, random.uniform(0.3, 0.6), height), (pillar_x, pillar_y, 0.0)))
    return parts


def _along_wall(
    room: Room, side: int, room_type: str, doors: Array, clutter: float, random: np.random.Generator
) -> list[Mesh]:
    """Furniture with its back to a wall; `side` counts the walls counter-clockwise from the one at low y."""
    along = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])[side]
    corner = np.array([room.low, [room.high[0], room.low[1]], room.high, [room.low[0], room.high[1]]])[side]
    length = room.size[side % 2]
    parts = []
    done = random.uniform(0.0, 0.5)
    while done < length - 0.5:
        if random.random() > min(clutter, 0.95):
            done += random.uniform(0.3, 1.5)
            continue
        piece = ALONG_WALLS[room_type][int(random.integers(len(ALONG_WALLS[room_type])))](random, clutter)
        width = float(np.ptp(piece.vertices[:, 0]))
        if done + width > length:
            done += 0.5
            continue
        inwards = np.array([-along[1], along[0]])
        x, y = corner + (done + width / 2.0) * along + random.uniform(0.1, 0.2) * inwards
        reach = max(width / 2.0, 0.5) + 0.5
        if _far(np.array([x, y]), doors, reach):
            turn = np.arctan2(along[1], along[0]) + random.choice([0.0, random.normal(0.0, 0.15)])
            parts.append(joined([piece], se3.from_planar(x, y, turn)))
        done += width + random.choice([0.02, random.uniform(0.1, 0.8)])
    return parts


def _far(position: Array, doors: Array, distance: float) -> bool:
    return len(doors) == 0 or bool(np.linalg.norm(doors - position, axis=1).min() > distance)
