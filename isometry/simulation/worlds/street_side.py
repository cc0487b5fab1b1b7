"""Houses, gardens and clutter along streets, and vehicles.

The frame of a side of a block: x along the street, the street at y < 0, the lots at y > 0. Lengths are in metres.
"""

from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh, box, boxes, crown, cylinder, frustum, joined, leaves
from isometry.simulation.worlds.town import greenery_and_poles, parked_cars


def built_up(length: float, random: np.random.Generator) -> list[Mesh]:
    """Houses with their front gardens, the trees and poles of the pavement, and parked cars."""
    return _houses(length, random) + greenery_and_poles(length, random) + parked_cars(length, random)


def green(length: float, random: np.random.Generator) -> list[Mesh]:
    """Trees, bushes, sometimes a hedge or a fence, sometimes a shed."""
    things: list[Mesh] = []
    for _ in range(int(length * random.uniform(0.1, 0.6))):
        x, y = random.uniform(-0.5, 0.5) * length, random.uniform(0.5, 15.0)
        things += tree(x, y, random) if random.random() < 0.5 else [bush(x, y, random)]
    if random.random() < 0.6:
        things += _boundary(length, random.uniform(0.0, 3.0), random)
    if random.random() < 0.4:
        size = random.uniform(2.0, 8.0, 3) * [1.0, 1.0, 0.6]
        position = (random.uniform(-0.4, 0.4) * length, random.uniform(6.0, 15.0), 0.0)
        things.append(box(size, position, random.uniform(0.0, np.pi)))
    return things


def clutter(length: float, random: np.random.Generator) -> list[Mesh]:
    """Irregular things along a street: bushes, trees, signs, people, boxes at any angle."""
    things: list[Mesh] = []
    for _ in range(int(length * random.uniform(0.1, 0.8))):
        x, y = random.uniform(-0.5, 0.5) * length, random.uniform(-1.8, 5.0)
        draw = random.random()
        if draw < 0.4:
            things.append(bush(x, y, random))
        elif draw < 0.55:
            things += tree(x, y, random)
        elif draw < 0.7:
            top = random.uniform(1.8, 3.5)
            things.append(cylinder(0.05, top, (x, y, 0.0), sides=5))
            things.append(box((random.uniform(0.3, 1.5), 0.04, 0.6), (x, y, top - 0.5), random.uniform(0.0, np.pi)))
        elif draw < 0.8:
            things.append(cylinder(random.uniform(0.18, 0.3), random.uniform(1.5, 1.85), (x, y, 0.0)))
        else:
            size = random.uniform([0.3, 0.3, 0.3], [3.0, 1.2, 2.0])
            things.append(box(size, (x, y, 0.0), random.uniform(0.0, np.pi)))
    return things


def vehicle(length: float) -> Mesh:
    """A car, or a lorry when it is longer than 5 m; x forward, the origin on the ground below its centre."""
    wheels = np.array([[i * 0.3 * length, j * 0.8, 0.0] for i in (-1, 1) for j in (-1, 1)])
    parts = [boxes(np.tile([0.65, 0.2, 0.65], (4, 1)), wheels, np.zeros(4))]
    if length > 5.0:
        parts.append(box((length - 1.5, 2.2, 0.3 * length + 0.2), (-0.75, 0.0, 0.5)))
        parts.append(frustum((1.5, 2.0, 1.6), (0.7, 0.95), (length / 2.0 - 0.75, 0.0, 0.4)))
    else:
        parts.append(frustum((length, 1.75, 0.65), (0.92, 0.95), (0.0, 0.0, 0.25)))
        parts.append(frustum((0.62 * length, 1.6, 0.6), (0.6, 0.8), (-0.07 * length, 0.0, 0.9)))
    return joined(parts)


def _houses(length: float, random: np.random.Generator) -> list[Mesh]:
    parts: list[Mesh] = []
    left = -length / 2.0
    while left < length / 2.0 - 5.0:
        front = min(random.uniform(6.0, 20.0), length / 2.0 - left)
        depth, height, setback = random.uniform(5.0, 10.0), random.uniform(3.0, 14.0), random.uniform(0.3, 7.0)
        x, y = left + front / 2.0, setback + depth / 2.0
        yaw = random.choice([0.0, random.normal(0.0, 0.08)])
        parts.append(box((front, depth, height), (x, y, 0.0), yaw))
        if random.random() < 0.6:
            ridge = (random.uniform(0.4, 1.0), 0.03)
            parts.append(frustum((front + 0.6, depth + 0.8, random.uniform(1.5, 4.0)), ridge, (x, y, height), yaw))
        parts.append(_facade(front, height, (x, setback), random))
        if setback > 2.0 and random.random() < 0.7:
            parts += _front_garden(front, setback, x, random)
        left += front + random.choice([0.0, random.uniform(1.0, 10.0)])
    return parts


def _facade(front: float, height: float, middle: tuple[float, float], random: np.random.Generator) -> Mesh:
    """What protrudes from a front: rows of sills and frames, balconies, a porch, a bay, drain pipes."""
    x, y = middle
    sizes, positions = [], []
    storeys, columns = max(int(height / 3.0), 1), max(int(front / random.uniform(1.8, 4.0)), 1)
    reach, width = random.uniform(0.1, 0.5), random.uniform(0.4, 0.9) * front / columns
    for storey in range(storeys):
        for column in range(columns):
            if random.random() < 0.7:
                along = (column + 0.5) / columns - 0.5
                sizes.append([width, reach, random.choice([0.15, 1.3])])
                positions.append([x + along * front, y, 3.0 * storey + 0.9])
    for _ in range(random.integers(0, 4)):
        size = [random.uniform(1.0, 0.5 * front), random.uniform(0.5, 3.0), random.uniform(0.9, height)]
        sizes.append(size)
        positions.append([x + random.uniform(-0.5, 0.5) * (front - size[0]), y, random.choice([0.0, 2.8])])
    for _ in range(random.integers(1, 4)):
        sizes.append([0.12, 0.3, height])
        positions.append([x + random.uniform(-0.5, 0.5) * front, y, 0.0])
    return boxes(np.array(sizes), np.array(positions), np.zeros(len(sizes)))


def _front_garden(front: float, setback: float, x: float, random: np.random.Generator) -> list[Mesh]:
    things: list[Mesh] = []
    for _ in range(random.integers(1, 6)):
        position = x + random.uniform(-0.5, 0.5) * front, random.uniform(0.6, setback - 0.6)
        things += tree(*position, random) if random.random() < 0.25 else [bush(*position, random)]
    if random.random() < 0.6:
        things += [
            joined([each], se3.from_planar(x, 0.0, 0.0)) for each in _boundary(front, random.uniform(0.0, 0.5), random)
        ]
    return things


def _boundary(length: float, y: float, random: np.random.Generator) -> list[Mesh]:
    """A hedge, a wall or a fence along a part of a lot's border."""
    width = random.uniform(0.4, 0.9) * length
    start = random.uniform(-0.5, 0.5) * (length - width) - width / 2.0
    middle = start + width / 2.0
    draw = random.random()
    if draw < 0.5:
        return [leaves((width / 2.0, 0.4, 0.8), (middle, y, 0.6), int(40 * width), 0.25, random)]
    if draw < 0.7:
        return [box((width, 0.25, random.uniform(0.5, 1.8)), (middle, y, 0.0))]
    posts = np.arange(start, start + width, 2.5)
    sizes = np.tile([0.1, 0.1, random.uniform(0.8, 1.8)], (len(posts), 1))
    positions = np.column_stack([posts, np.full((len(posts), 2), [y, 0.0])])
    rails = box((width, 0.04, random.uniform(0.1, 1.2)), (middle, y, 0.4))
    return [boxes(sizes, positions, np.zeros(len(posts))), rails]


def tree(x: float, y: float, random: np.random.Generator) -> list[Mesh]:
    """A tree with its trunk at x and y."""
    trunk, radius = random.uniform(0.5, 3.5), random.uniform(1.0, 3.5)
    stem = cylinder(random.uniform(0.08, 0.35), trunk + radius, (x, y, 0.0))
    if random.random() < 0.3:
        return [stem, crown(radius, (x, y, trunk + radius), random)]
    extent = radius * random.uniform([0.7, 0.7, 0.7], [1.0, 1.0, 1.6])
    count, size = random.integers(100, 300), random.uniform(0.2, 0.7)
    return [stem, leaves(extent, (x, y, trunk + radius), int(count), size, random)]


def bush(x: float, y: float, random: np.random.Generator) -> Mesh:
    """A bush with its middle at x and y."""
    radii = random.uniform(0.4, 2.0, 3)
    return leaves(radii, (x, y, 0.7 * radii[2]), int(random.integers(30, 150)), random.uniform(0.1, 0.4), random)
