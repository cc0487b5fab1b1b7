"""Representations: how arrays transform under the elements of a group (see contract.py).

| group | an element is |
| --- | --- |
| quarter turns of an image (C4) | a number of turns by 90 degrees, from rows towards columns |
| rotations in space, SO(3), or in the plane with mirroring, O(2) | a matrix (3,3) or (2,2) |
| motions of the plane, E(2) | a `PlanarMotion` |
| flows of a grid (Keller, Flow Equivariant Recurrent Neural Networks, 2025) | a velocity, whole cells a step |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import AnyArray, Array
from isometry.inference.contract import Representation

QUARTER_TURNS = (1, 2, 3)
ORIENTATIONS = 8  # of a field on a bird's-eye image, 45 degrees apart: two to a quarter turn
Velocity = tuple[int, int]


class PlanarMotion(NamedTuple):
    """A rotation, or a rotation and mirroring (2,2), followed by a translation (2,)."""

    rotation: Array
    translation: Array


def image(array: AnyArray, turns: int) -> AnyArray:
    """Images (...,S,S)."""
    return np.rot90(array, turns, axes=(-2, -1))


def oriented_features(array: AnyArray, turns: int) -> AnyArray:
    """Features (N,8,F,S,S) at 8 orientations, which a turn of the image moves to the next ones."""
    return np.roll(image(array, turns), ORIENTATIONS // 4 * turns, axis=1)


def fields(array: AnyArray, turns: int) -> AnyArray:
    """The same as channels (N,8*F,S,S), the field varying fastest."""
    apart = array.reshape(len(array), ORIENTATIONS, -1, *array.shape[2:])
    return oriented_features(apart, turns).reshape(array.shape)


def vectors(array: AnyArray, rotation: Array) -> AnyArray:
    """Vectors (...,D)."""
    return np.asarray(array @ rotation.T, array.dtype)


def vector_channels(array: AnyArray, rotation: Array) -> AnyArray:
    """Vectors (...,D,V) of V channels each."""
    return np.asarray(rotation @ array, array.dtype)


def covariances(array: AnyArray, rotation: Array) -> AnyArray:
    """Covariances (...,D,D)."""
    return np.asarray(rotation @ array @ rotation.T, array.dtype)


def positions(array: AnyArray, motion: PlanarMotion) -> AnyArray:
    """Positions (...,2)."""
    return np.asarray(array @ motion.rotation.T + motion.translation, array.dtype)


def rotated(representation: Representation) -> Representation:
    """The representation of what a motion rotates but does not translate: vectors, covariances."""
    return lambda array, motion: representation(array, motion.rotation)


def moving_frames(array: AnyArray, velocity: Velocity) -> AnyArray:
    """Sequences (T,...,H,W) on a circular grid, which then move by a velocity in every step, the first one too."""
    return np.stack([np.roll(f, (t * velocity[0], t * velocity[1]), axis=(-2, -1)) for t, f in enumerate(array, 1)])


def memory_windows(tiles: tuple[int, int]) -> Representation:
    """Memories (1,C,P*H,Q*W) in windows that travel with P x Q velocities, around 0: a flow permutes the velocities.

    What was in the window of v - u is then in that of v; NaN where v - u is none of the velocities.
    """

    def permuted(array: AnyArray, velocity: Velocity) -> AnyArray:
        before = by_velocity(array, tiles)
        after = np.full_like(before, np.nan)
        rows, columns = (_permutation(speed, count) for speed, count in zip(velocity, tiles, strict=True))
        after[np.ix_(rows[1], columns[1])] = before[np.ix_(rows[0], columns[0])]
        return after.transpose(2, 0, 3, 1, 4).reshape(array.shape)

    return permuted


def displaced_memory(steps: int) -> Representation:
    """Memories (...,H,W) without velocities, after so many steps: they move with the last frame."""
    return lambda array, velocity: np.roll(array, (steps * velocity[0], steps * velocity[1]), axis=(-2, -1))


def by_velocity(array: AnyArray, tiles: tuple[int, int]) -> AnyArray:
    """Memories (1,C,P*H,Q*W) of P x Q velocities as (P,Q,C,H,W)."""
    _, channels, height, width = array.shape
    apart = array.reshape(channels, tiles[0], height // tiles[0], tiles[1], width // tiles[1])
    return apart.transpose(1, 3, 0, 2, 4)


def random_rotations(count: int = 4, seed: int = 0) -> list[Array]:
    """Rotations (3,3) in space, uniformly distributed."""
    return list(Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix())


def random_planar_motions(distance: float, count: int = 6, seed: int = 0) -> list[PlanarMotion]:
    """Motions of the plane by up to `distance` along each axis; every other one mirrors."""
    random = np.random.default_rng(seed)
    angles, translations = random.uniform(0.0, 2.0 * np.pi, count), random.uniform(-distance, distance, (count, 2))
    mirror = np.diag([1.0, -1.0])
    rotations = Rotation.from_euler("z", angles[:, None]).as_matrix()[:, :2, :2]
    rotations[1::2] = rotations[1::2] @ mirror
    return [PlanarMotion(*each) for each in zip(rotations, translations, strict=True)]


def _permutation(speed: int, count: int) -> tuple[list[int], list[int]]:
    """Which of `count` velocities along one axis go to which, when all are faster by `speed`."""
    after = [k for k in range(count) if 0 <= k - speed < count]
    return [k - speed for k in after], after
