"""Generated household objects with printed or plain surfaces, to find the poses of. Metres; z is up.

Their shapes are those of no data set, so that what is chosen on them can be judged on one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.objects import finer
from isometry.simulation.worlds.shapes import Mesh, box, boxes, joined, lathed

ORIGIN = (0.0, 0.0, 0.0)
SIDES = 48  # of what is round
LONGEST_EDGE_M = 0.005  # of a painted mesh: colours are those of its vertices
PLAIN = 0.3  # share of objects of one colour
BLOCKS, LINES, LETTERS = 8, 6, 6  # of a print: large areas, rows of small ones, and these in a row
OLDER_EDITION, REPRINTED = 0.4, 2  # share of objects whose mesh has an older print, and what differs there


@dataclass(frozen=True, eq=False)
class HouseholdObject:
    """A painted mesh and the rotations that leave it as it is."""

    family: str
    mesh: Mesh  # the middle of its box is at the origin
    colours: Array  # (V,3) red, green, blue of the vertices, 0 to 1
    given_colours: Array  # (V,3) those of the mesh that is given: of an older edition, or scanned in another light
    half_turns: Array  # (S,3) unit, axes about which a half turn leaves it as it is
    axis: Array | None  # (3,) unit, about which any turn does
    gloss: float  # share of light that is reflected as by a mirror


def household_object(random: np.random.Generator) -> HouseholdObject:
    """An object of a random family, size and print."""
    names = list(FAMILIES)
    family = names[int(random.integers(len(names)))]
    mesh, half_turns, axis = FAMILIES[family](random)
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2.0
    mesh = Mesh(mesh.vertices - middle, mesh.triangles)
    plain = bool(random.random() < PLAIN)
    colours = np.tile(random.uniform(0.1, 0.9, 3), (len(mesh.vertices), 1))
    if not plain:
        colours = printed(mesh.vertices, colours, random)
        half_turns, axis = np.zeros((0, 3)), None
    given = colours
    if not plain and random.random() < OLDER_EDITION:
        given = printed(mesh.vertices, colours, random, REPRINTED, REPRINTED)
    given = np.clip(given * random.uniform(0.8, 1.2, 3), 0.0, 1.0)
    return HouseholdObject(family, mesh, colours, given, half_turns, axis, float(random.uniform(0.0, 0.3)))


def printed(
    points: Array, ground: Array, random: np.random.Generator, blocks: int = BLOCKS, lines: int = LINES
) -> Array:
    """Colours (V,3) of points (V,3) of a surface with areas and rows of letters on a ground of colours (V,3)."""
    colours = ground.copy()
    extent = np.ptp(points, axis=0)
    for _ in range(blocks):
        size = extent * random.uniform(0.15, 0.6, 3)
        colours[_inside(points, points[random.integers(len(points))], size)] = random.uniform(0.0, 1.0, 3)
    for _ in range(lines):
        letter = extent.max() * random.uniform(0.02, 0.06)
        along = np.roll([1.0, 0.0, 0.0], random.integers(3)) * 1.8 * letter
        start, ink = points[random.integers(len(points))], random.uniform(0.0, 1.0, 3)
        for k in range(LETTERS):
            size = letter * random.uniform([0.6, 0.6, 0.6], [1.4, 1.4, 1.4])
            colours[_inside(points, start + k * along, size)] = ink
    return colours


def _inside(points: Array, middle: Array, size: Array) -> Array:
    return np.asarray((np.abs(points - middle) < size / 2.0).all(axis=1))


Shape = tuple[Mesh, Array, Array | None]
"""A mesh, the axes of half turns (S,3) and of any turns (3,) that leave it as it is."""
NO_TURNS = np.zeros((0, 3))
UPRIGHT = np.array([0.0, 0.0, 1.0])


def carton(random: np.random.Generator) -> Shape:
    """A box with three different sides."""
    shortest = random.uniform(0.03, 0.07)
    size = shortest * np.array([1.0, random.uniform(1.25, 2.0), random.uniform(2.3, 3.5)])
    return finer(box(size, ORIGIN), LONGEST_EDGE_M), np.eye(3), None


def can(random: np.random.Generator) -> Shape:
    """A closed cylinder."""
    radius, height = random.uniform(0.025, 0.05), random.uniform(0.06, 0.2)
    return _turned([(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)]), np.array([[1.0, 0.0, 0.0]]), UPRIGHT


def bottle(random: np.random.Generator) -> Shape:
    """A cylinder with a neck and a cap."""
    radius, height = random.uniform(0.025, 0.045), random.uniform(0.1, 0.17)
    neck, shoulder = radius * random.uniform(0.3, 0.6), random.uniform(0.02, 0.05)
    top = height + shoulder + random.uniform(0.02, 0.05)
    profile = [(0.0, 0.0), (radius, 0.0), (radius, height), (neck, height + shoulder), (neck, top), (0.0, top)]
    return _turned(profile), NO_TURNS, UPRIGHT


def flat_bottle(random: np.random.Generator) -> Shape:
    """A bottle pressed flat, as those of mustard and cleaners are."""
    mesh, _, _ = bottle(random)
    flatter = mesh.vertices * [1.3, random.uniform(0.6, 0.8), 1.0]
    return Mesh(flatter, mesh.triangles), UPRIGHT[None], None


def bowl(random: np.random.Generator) -> Shape:
    """Part of a ball, open upwards, with a wall."""
    radius, deep = random.uniform(0.05, 0.09), random.uniform(0.6, 1.4)
    angles = np.linspace(0.0, deep, 12)
    outer = [(radius * np.sin(a), radius * (1.0 - np.cos(a))) for a in angles]
    inner = [((radius - 0.004) * np.sin(a), radius - (radius - 0.004) * np.cos(a)) for a in angles[::-1]]
    return _turned([*outer, *inner]), NO_TURNS, UPRIGHT


def mug(random: np.random.Generator) -> Shape:
    """A cup with a handle."""
    radius, height, wall = random.uniform(0.03, 0.05), random.uniform(0.07, 0.12), 0.004
    profile = [(0.0, 0.0), (radius, 0.0), (radius, height), (radius - wall, height), (radius - wall, wall), (0.0, wall)]
    reach, thick = random.uniform(0.02, 0.035), random.uniform(0.008, 0.014)
    low, high = 0.2 * height, random.uniform(0.7, 0.85) * height
    bars = [(reach, thick, thick)] * 2 + [(thick, thick, high - low + thick)]
    middle, end = radius + reach / 2.0 - wall / 2.0, radius + reach - thick / 2.0
    handle = boxes(np.array(bars), np.array([[middle, 0.0, low], [middle, 0.0, high], [end, 0.0, low]]), np.zeros(3))
    return joined([_turned(profile), finer(handle, LONGEST_EDGE_M)]), NO_TURNS, None


def tool(random: np.random.Generator) -> Shape:
    """A handle with a head across it, as of a drill or a hammer."""
    length, thick = random.uniform(0.12, 0.2), random.uniform(0.025, 0.04)
    head = np.array([random.uniform(0.1, 0.18), thick * random.uniform(1.0, 1.6), random.uniform(0.03, 0.06)])
    off = random.uniform(0.15, 0.35) * head[0]
    parts = [box((thick, 0.8 * thick, length), ORIGIN), box(head, (off, 0.0, length))]
    barrel = _turned([(0.0, 0.0), (0.4 * thick, 0.0), (0.3 * thick, 0.05), (0.0, 0.05)])
    turn = Rotation.from_euler("y", 90.0, degrees=True).as_matrix()
    front = np.array([off + head[0] / 2.0, 0.0, length + head[2] / 2.0])
    barrel = joined([barrel], se3.from_rotation_translation(turn, front))
    return joined([finer(joined(parts), LONGEST_EDGE_M), barrel]), NO_TURNS, None


def _turned(profile: list[tuple[float, float]]) -> Mesh:
    """A surface of revolution through points (radius, height), with rings as close as edges may be long."""
    rings = []
    for (radius, height), (next_radius, next_height) in pairwise(profile):
        count = int(np.ceil(np.hypot(next_radius - radius, next_height - height) / LONGEST_EDGE_M))
        rings.append(np.linspace((radius, height), (next_radius, next_height), count, endpoint=False))
    radii, heights = np.concatenate([*rings, [profile[-1]]]).T
    return lathed(radii, heights, ORIGIN, SIDES)


FAMILIES: dict[str, Callable[[np.random.Generator], Shape]] = {
    each.__name__: each for each in (carton, can, bottle, flat_bottle, bowl, mug, tool)
}
