"""Hypotheses from turning two clouds upright and correlating their bird's-eye images."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.planar import rotations
from isometry.registration.types import Cloud, Hypotheses
from isometry.registration.upright.birds_eye_correlation import PlanarPoses, correlate
from isometry.registration.upright.cells import cell_centres, cell_numbers
from isometry.registration.upright.directions import Direction, dominant_directions

Mask = NDArray[np.bool_]
CELL = 4.0  # of the images, in units of the resolution
IMAGE_SIZE = 128  # cells
YAWS = 60
PEAKS = 4  # shifts kept of each yaw
POSES = 16  # kept of each pair of directions
LYING_COSINE = 0.75  # of a normal and the vertical: more horizontal surfaces are left out of the images
HEIGHT_RANGE = 40  # largest shift along z, up or down, in units of the resolution


class UprightProposer:
    """For each pair of possible verticals, correlation over all yaws and shifts, then the shift along z."""

    name = "upright"

    def propose(self, target: Cloud, source: Cloud) -> Iterator[Hypotheses]:
        """Hypotheses of the most likely pairs of directions, then of all others, for clouds of the same resolution."""
        for pairs in _direction_pairs(target, source):
            found = [_from_directions(target, source, *pair, target.resolution) for pair in pairs]
            yield Hypotheses(np.concatenate([T for T, _ in found]), np.concatenate([s for _, s in found]), self.name)


def _direction_pairs(target: Cloud, source: Cloud) -> list[list[tuple[Array, Array]]]:
    """Pairs of directions (3,) in target and source: those of the same rank at either end, then all others."""
    candidates = _directions(target), _directions(source)
    likely: list[tuple[Array, Array]] = []
    others: list[tuple[Array, Array]] = []
    for (i, a), (j, b) in product(*(enumerate(directions) for directions in candidates)):
        signs = (1.0,) if a.signed and b.signed else (1.0, -1.0)
        both_first = i == j == 0
        both_last = i == len(candidates[0]) - 1 and j == len(candidates[1]) - 1
        group = likely if both_first or both_last else others
        group += [(a.axis, sign * b.axis) for sign in signs]
    return [pairs for pairs in (likely, others) if pairs]


def _directions(cloud: Cloud) -> list[Direction]:
    """The vertical of a cloud where it is known, else the dominant directions of its surfaces."""
    if cloud.up is not None:
        return [Direction(cloud.up, signed=True)]
    return dominant_directions(cloud.normals, cloud.viewpoint is not None)


def _from_directions(
    target: Cloud, source: Cloud, target_up: Array, source_up: Array, resolution: float
) -> tuple[Array, Array]:
    """Transforms (H,4,4) that turn `source_up` to `target_up` (3,), and their scores (H,)."""
    cell = CELL * resolution
    R_level_target, R_level_source = se3.levelling_rotation(target_up), se3.levelling_rotation(source_up)
    level_target, level_source = target.points @ R_level_target.T, source.points @ R_level_source.T
    target_lies = np.abs(target.normals @ target_up) > LYING_COSINE
    source_lies = np.abs(source.normals @ source_up) > LYING_COSINE
    planar = correlate(
        level_target[~target_lies, :2], level_source[~source_lies, :2], cell, IMAGE_SIZE, YAWS, PEAKS, POSES, 2.0 * cell
    )
    heights = _heights(level_target, target_lies, level_source, source_lies, planar, cell, resolution)
    T_level = np.tile(np.eye(4), (len(planar.score), 1, 1))
    T_level[:, :2, :2] = rotations(planar.yaw)
    T_level[:, :2, 3], T_level[:, 2, 3] = planar.shift, heights
    T_target_level = se3.from_rotation_translation(R_level_target.T, np.zeros(3))
    T_level_source = se3.from_rotation_translation(R_level_source, np.zeros(3))
    return T_target_level @ T_level @ T_level_source, planar.score


def _heights(
    target: Array, target_lies: Mask, source: Array, source_lies: Mask, planar: PlanarPoses, cell: float, step: float
) -> Array:
    """Shift (H,) along z, in metres, at which most columns of the source have the heights of those of the target.

    Each column votes with its top, its foot and the mean height of its horizontal surfaces.
    """
    grid = _Columns(target, target_lies, cell)
    columns = _Columns(source, source_lies, cell)
    centres = columns.centres()
    bins = 2 * HEIGHT_RANGE + 1
    heights = np.empty(len(planar.score))
    for k, (yaw, shift) in enumerate(zip(planar.yaw, planar.shift, strict=True)):
        moved = centres @ rotations(yaw).T + shift
        difference = (grid.at(moved) - columns.values) / step
        votes = np.rint(difference[np.abs(difference) < HEIGHT_RANGE]).astype(np.int64) + HEIGHT_RANGE
        count = np.bincount(votes, minlength=bins).astype(float)
        smooth = np.convolve(count, [0.5, 1.0, 0.5], mode="same")
        heights[k] = (int(smooth.argmax()) - HEIGHT_RANGE) * step
    return heights


class _Columns:
    """Top, foot and mean height of horizontal surfaces of the columns over square cells; NaN where there is none."""

    def __init__(self, points: Array, lies: Mask, cell: float) -> None:
        self.cell = cell
        self.numbers, number = np.unique(cell_numbers(points[:, :2], cell), return_inverse=True)
        size = len(self.numbers)
        top, foot, lying = np.full(size, -np.inf), np.full(size, np.inf), np.full(size, np.nan)
        np.maximum.at(top, number, points[:, 2])
        np.minimum.at(foot, number, points[:, 2])
        count = np.bincount(number[lies], minlength=size)
        total = np.bincount(number[lies], weights=points[lies, 2], minlength=size)
        lying[count > 0] = total[count > 0] / count[count > 0]
        self.values = np.stack([top, foot, lying], axis=1)

    def centres(self) -> Array:
        """Centres (M,2) of the filled cells, metres."""
        return cell_centres(self.numbers, self.cell)

    def at(self, points: Array) -> Array:
        """Values (M,3) of the columns at points (M,2)."""
        numbers = cell_numbers(points, self.cell)
        nearest = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where((self.numbers[nearest] == numbers)[:, None], self.values[nearest], np.nan)
