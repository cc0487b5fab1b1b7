"""Furniture, in metres: the back lies along x at y = 0, the piece extends to y > 0, the floor is at z = 0."""

from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh, box, boxes, crown, cylinder, joined, lathed, leaves


def things(length: float, depth: float, height: float, count: int, random: np.random.Generator) -> Mesh:
    """Cartons, cans, bottles, bowls and balls on a surface at a height, x in +-length/2, y from 0 to depth."""
    round_ones = random.binomial(count, 0.4)
    sizes = random.uniform([0.04, 0.03, 0.02], [0.35, 0.25, 0.35], (count - round_ones + 1, 3))
    x, y = random.uniform(-0.5, 0.5, len(sizes)) * length, random.uniform(0.1, 0.9, len(sizes)) * depth
    positions = np.column_stack([x, y, np.full(len(sizes), height)])
    parts = [boxes(sizes, positions, random.uniform(0.0, np.pi, len(sizes)))]
    for _ in range(round_ones):
        position = (random.uniform(-0.5, 0.5) * length, random.uniform(0.1, 0.9) * depth, height)
        parts.append(_round_thing(position, random))
    return joined(parts)


def table(random: np.random.Generator, clutter: float) -> Mesh:
    """A table or desk with legs, with about ten things on it at a `clutter` of 1."""
    length, depth, height = random.uniform(0.7, 2.2), random.uniform(0.6, 1.0), random.uniform(0.68, 0.95)
    legs = np.array([[i, j, 0.0] for i in (-1, 1) for j in (0, 1)]) * [length / 2.0 - 0.06, depth - 0.12, 0.0]
    legs[:, 1] += 0.06
    sizes = np.tile([0.05, 0.05, height], (4, 1))
    parts = [
        boxes(sizes, legs, np.zeros(4)),
        box((length, depth, 0.04), (0.0, depth / 2.0, height - 0.04)),
        things(length, depth, height, random.poisson(10.0 * clutter), random),
    ]
    if random.random() < 0.6:
        width = random.uniform(0.4, 0.8)
        x, turn = random.uniform(-0.2, 0.2) * length, random.normal(0.0, 0.3)
        parts.append(box((width, 0.04, 0.35), (x, 0.25, height + 0.12), turn))
        parts.append(box((0.25, 0.2, 0.12), (x, 0.22, height), turn))
    return joined(parts)


def chair(random: np.random.Generator, clutter: float) -> Mesh:
    """A chair or a swivel chair."""
    seat, width = random.uniform(0.42, 0.5), random.uniform(0.4, 0.55)
    back = box((width, 0.05, random.uniform(0.4, 0.6)), (0.0, 0.03, seat + 0.05))
    parts = [back, box((width, width, 0.06), (0.0, width / 2.0, seat))]
    if random.random() < 0.5:
        legs = np.array([[i, j, 0.0] for i in (-1, 1) for j in (0, 1)]) * [width / 2.0 - 0.03, width - 0.06, 0.0]
        legs[:, 1] += 0.03
        parts.append(boxes(np.tile([0.04, 0.04, seat], (4, 1)), legs, np.zeros(4)))
    else:
        feet = np.linspace(0.0, np.pi, 3, endpoint=False)
        parts.append(boxes(np.tile([0.6, 0.05, 0.08], (3, 1)), np.tile([0.0, width / 2.0, 0.0], (3, 1)), feet))
        parts.append(cylinder(0.04, seat, (0.0, width / 2.0, 0.0), sides=6))
    return joined(parts)


def shelf(random: np.random.Generator, clutter: float) -> Mesh:
    """An open rack with things on its boards."""
    length, depth, height = random.uniform(0.6, 2.5), random.uniform(0.25, 0.6), random.uniform(0.8, 2.4)
    levels = np.linspace(0.08, height, int(height / random.uniform(0.3, 0.5)) + 1)
    boards = np.column_stack([np.zeros(len(levels)), np.full(len(levels), depth / 2.0), levels - 0.03])
    sides = np.array([[-length / 2.0, depth / 2.0, 0.0], [length / 2.0, depth / 2.0, 0.0]])
    parts = [
        boxes(np.tile([length, depth, 0.03], (len(levels), 1)), boards, np.zeros(len(levels))),
        boxes(np.tile([0.03, depth, height], (2, 1)), sides, np.zeros(2)),
    ]
    parts += [things(length - 0.1, depth, level, random.poisson(3.0 * length * clutter), random) for level in levels]
    if random.random() < 0.5:
        parts.append(box((length, 0.02, height), (0.0, 0.01, 0.0)))
    return joined(parts)


def cabinet(random: np.random.Generator, clutter: float) -> Mesh:
    """A cupboard, a fridge or a drawer unit: a closed box, with things on top of a low one."""
    length, depth, height = random.uniform([0.4, 0.35, 0.5], [1.4, 0.7, 2.1])
    parts = [box((length, depth, height), (0.0, depth / 2.0, 0.0))]
    handles = np.linspace(0.2, 0.9, random.integers(1, 5)) * height
    positions = np.column_stack([np.full(len(handles), length / 4.0), np.full(len(handles), depth + 0.02), handles])
    parts.append(boxes(np.tile([0.15, 0.04, 0.03], (len(handles), 1)), positions, np.zeros(len(handles))))
    if height < 1.3:
        parts.append(things(length, depth, height, random.poisson(5.0 * clutter), random))
    return joined(parts)


def counter(random: np.random.Generator, clutter: float) -> Mesh:
    """A kitchen counter with a sink, cupboards above it, and things on it."""
    length, depth, height = random.uniform(1.2, 3.0), random.uniform(0.55, 0.7), random.uniform(0.85, 0.95)
    parts = [
        box((length, depth - 0.05, height - 0.04), (0.0, depth / 2.0 - 0.025, 0.0)),
        box((length, depth, 0.04), (0.0, depth / 2.0, height - 0.04)),
        things(length, depth, height, random.poisson(8.0 * length * clutter), random),
    ]
    x = random.uniform(-0.3, 0.3) * length
    parts.append(lathed(np.array([0.02, 0.02, 0.15]), np.array([0.3, 0.32, 0.3]), (x, 0.12, height)))
    parts.append(cylinder(0.02, 0.3, (x, 0.12, height), sides=6))
    left = -length / 2.0
    while left < length / 2.0 - 0.3:
        width = random.uniform(0.3, 0.8)
        if random.random() < 0.7:
            top = random.uniform(0.4, 0.8)
            parts.append(box((width - 0.01, random.uniform(0.3, 0.36), top), (left + width / 2.0, 0.17, height + 0.5)))
        left += width
    return joined(parts)


def sofa(random: np.random.Generator, clutter: float) -> Mesh:
    """A sofa or an armchair with cushions."""
    length, depth, seat = random.uniform(0.8, 2.4), random.uniform(0.75, 1.0), random.uniform(0.35, 0.45)
    arm = 0.15
    sizes = np.array([[length, depth, seat], [length, 0.22, 0.8], [arm, depth, 0.6], [arm, depth, 0.6]])
    positions = np.array([[0.0, depth / 2.0, 0.0], [0.0, 0.11, 0.0], [-1.0, depth / 2.0, 0.0], [1.0, depth / 2.0, 0.0]])
    positions[2:, 0] *= length / 2.0
    cushions = [
        crown(random.uniform(0.2, 0.3), (random.uniform(-0.4, 0.4) * length, 0.35, seat + 0.15), random)
        for _ in range(random.poisson(2.0 * clutter))
    ]
    return joined([boxes(sizes, positions, np.zeros(4)), *cushions])


def plant(random: np.random.Generator, clutter: float) -> Mesh:
    """A plant in a pot."""
    radius, height = random.uniform(0.12, 0.3), random.uniform(0.2, 0.5)
    pot = lathed(radius * np.array([0.1, 0.7, 1.0]), np.array([0.0, 0.0, height]), (0.0, radius, 0.0))
    crown_radii = random.uniform([0.15, 0.15, 0.2], [0.5, 0.5, 0.9])
    middle = (0.0, radius, height + 0.8 * crown_radii[2])
    return joined([pot, leaves(crown_radii, middle, int(random.integers(30, 120)), 0.15, random)])


def person(random: np.random.Generator, clutter: float) -> Mesh:
    """A standing person."""
    tall, wide = random.uniform(1.55, 1.9), random.uniform(0.16, 0.24)
    heights = tall * np.array([0.0, 0.1, 0.45, 0.6, 0.82, 0.85, 0.9, 0.97, 1.0])
    radii = np.array([0.7, 0.5, 0.8, 0.8, 1.0, 0.3, 0.45, 0.4, 0.05]) * wide
    return lathed(radii, heights, (0.0, wide, 0.0), sides=10)


def pile(random: np.random.Generator, clutter: float) -> Mesh:
    """Boxes and a sack at any angle."""
    parts: list[Mesh] = []
    for _ in range(1 + random.poisson(2.0)):
        size = random.uniform(0.15, 0.7, 3)
        position = (random.normal(0.0, 0.35), 0.4 + random.normal(0.0, 0.15), random.choice([0.0, 0.0, 0.3]))
        parts.append(box(size, position, random.uniform(0.0, np.pi)))
    if random.random() < 0.3:
        parts.append(crown(random.uniform(0.2, 0.45), (random.normal(0.0, 0.5), 0.6, 0.3), random))
    return joined(parts)


def board(random: np.random.Generator, clutter: float) -> Mesh:
    """A free-standing board, not quite parallel to x."""
    width, height = random.uniform(0.8, 2.0), random.uniform(0.8, 1.4)
    return box((width, 0.05, height), (0.0, 0.5, 0.5), random.normal(0.0, 0.5))


def stairs(steps: int, rise: float, width: float) -> Mesh:
    """A flight of stairs that climbs along +y, `width` metres wide; each step is 0.28 m deep and `rise` high."""
    k = np.arange(steps)
    sizes = np.column_stack([np.full(steps, width), np.full(steps, 0.28), np.full(steps, 0.18)])
    positions = np.column_stack([np.zeros(steps), 0.28 * (k + 0.5), rise * (k + 1) - 0.18])
    slope = np.hypot(0.28, rise) * steps
    pitch = np.arctan2(rise, 0.28)
    rail = box((0.05, slope, 0.05), (width / 2.0, slope / 2.0, 0.0))
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    lifted = se3.from_rotation_translation(tilt, np.array([0.0, 0.0, 0.95]))
    return joined([boxes(sizes, positions, np.zeros(steps)), joined([rail], lifted)])


def _round_thing(position: tuple[float, float, float], random: np.random.Generator) -> Mesh:
    radius, height = random.uniform(0.03, 0.14), random.uniform(0.06, 0.35)
    profile = random.choice(4)
    if profile == 0:  # a can or a jar
        radii, heights = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    elif profile == 1:  # a bottle
        radii, heights = np.array([0.0, 1.0, 1.0, 0.35, 0.35, 0.0]), np.array([0.0, 0.0, 0.6, 0.8, 1.0, 1.0])
    elif profile == 2:  # a bowl
        radii, heights = np.array([0.3, 0.7, 0.95, 1.0]), np.array([0.0, 0.2, 0.6, 1.0])
    else:  # a ball
        angle = np.linspace(0.0, np.pi, 6)
        radii, heights = np.sin(angle), (1.0 - np.cos(angle)) * radius / height
    return lathed(radius * radii, height * heights, position, sides=10)
