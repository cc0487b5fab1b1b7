"""How far a camera has moved, by the ground under it: the camera's height over it is the measure.

The part of the image that shows the ground ahead is looked for in the next image, where a motion of some length and a
ground tilted by some angle put it; the right ones are those at which both look the same, by normalised
cross-correlation. All lengths are tried, so that a rival is seen where the ground repeats itself. The tilt of the
camera against the ground is found alike, and is taken to change slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags, Index

NEAR, FAR, SIDE = 3.7, 11.0, 1.8  # of the piece of ground ahead, in heights of the camera
EVERY = 2  # pixels between those that are compared
COARSE = 161  # lengths that are tried at first
SHORTEST, LONGEST = 0.01, 2.5  # of a motion between two images, in heights
SLOW = 0.2  # heights, below which all lengths are tried
NEARBY = np.linspace(0.75, 1.25, 15)  # lengths around the expected one that are tried
SMOOTH_PIXELS = 10.0  # over which brightness is taken to be that of the light, not of the ground
LEAST_ALIKE = 0.5  # correlation, below which the ground is not recognised
LEAST_KNOWN = 0.3  # share of the ground that has to be in the next image
RIVAL = 0.9  # of the best correlation, with which another length makes it doubtful
APART = 0.15  # relative, of lengths that are different ones
TILTS = np.radians([-0.5, 0.0, 0.5])  # that are tried around the known one
FIRST_TILTS = np.radians(np.arange(-4.0, 4.5, 1.0))  # that are tried first
TILT_MEMORY = 20.0  # images over which the tilt is averaged
STEEPEST = np.radians(10.0)
SIGMA = 0.02  # relative, of one length
COMMON_SIGMA = 0.015  # relative, of all lengths: of the height and the tilt


@dataclass(frozen=True)
class Length:
    """The length of a motion."""

    metres: float
    alike: float  # correlation of the two images of the ground, 0 to 1
    rival: bool  # whether another length explains the images nearly as well


class Pair(NamedTuple):
    """Two images, and what is known of the motion between them."""

    before: NDArray[np.float32]  # (H,W) brightness
    after: NDArray[np.float32]  # (H,W)
    matrix: Array  # (3,3) pixels
    R_before_after: Array  # (3,3)
    direction: Array  # (3,) of the motion, along the axes of the camera before


class Ground:
    """The ground ahead of a camera at a known height, which looks along it."""

    def __init__(self, height_m: float) -> None:
        self._height_m = height_m
        self._tilt, self._tilts_seen = 0.0, 0.0  # radians of the camera's axis below the ground's, by so many images

    def length(
        self,
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        matrix: Array,
        R_before_after: Array,
        direction: Array,
        expected_m: float | None,
    ) -> Length | None:
        """The length of a motion from image to image (H,W) along a `direction` (3,) in the camera before.

        `expected_m` is about what it should be; None: nothing is known. None where the ground is not recognised.
        """
        pair = Pair(_bright(before), _bright(after), matrix, R_before_after, direction)
        if expected_m is None or expected_m < SLOW * self._height_m or not self._tilts_seen:
            rough = self._first(pair)
            if rough is None:
                return None
            tilt, expected_m = rough
            if expected_m < SLOW * self._height_m:  # too little to tell the tilt
                slow = self._best(pair, expected_m * NEARBY, self._tilt)
                return None if slow is None or slow.rival else slow
            self._tilt = tilt
        found = [self._best(pair, expected_m * NEARBY, self._tilt + tilt) for tilt in TILTS]
        known = [each for each in found if each is not None and not each.rival]
        if len(known) < len(found):
            return None
        alike = np.array([each.alike for each in known])
        self._learn(alike)
        at = np.clip(_vertex(alike), -1.0, 1.0) if self._tilts_seen < TILT_MEMORY else 0.0
        metres = np.array([each.metres for each in known])
        return Length(float(np.interp(at, [-1.0, 0.0, 1.0], metres)), float(alike.max()), rival=False)

    def _first(self, pair: Pair) -> tuple[float, float] | None:
        """Tilt and length, of which nothing is known."""
        lengths = np.geomspace(SHORTEST, LONGEST, COARSE) * self._height_m
        tilts = [self._tilt] if self._tilts_seen else FIRST_TILTS
        found: list[tuple[Length, float]] = []
        for tilt in tilts:
            rough = self._best(pair, lengths, tilt)
            if rough is not None:
                found.append((rough, tilt))
        if not found:
            return None
        best, tilt = max(found, key=lambda each: each[0].alike)
        return None if best.rival else (tilt, best.metres)

    def _learn(self, alike: Array) -> None:
        """Move the tilt towards where the images of the ground are most alike."""
        self._tilts_seen = min(self._tilts_seen + 1.0, TILT_MEMORY)
        step = np.clip(_vertex(alike), -1.0, 1.0) * (TILTS[2] - TILTS[1])
        self._tilt = float(np.clip(self._tilt + step / self._tilts_seen, -STEEPEST, STEEPEST))

    def _best(self, pair: Pair, lengths: Array, tilt: float) -> Length | None:
        """The length at which both images show the same ground; None where they show none."""
        pixels, rays = self._pixels(pair.before.shape, pair.matrix)
        here = pair.before[pixels[:, 1], pixels[:, 0]]
        down = np.array([0.0, np.cos(tilt), np.sin(tilt)])
        slope = rays @ down
        ahead = slope > 1e-3
        points = rays[ahead] * (self._height_m / slope[ahead, None])
        alike = np.zeros(len(lengths))
        for number, metres in enumerate(lengths):
            there, known = _seen(pair.after, pair.matrix, (points - metres * pair.direction) @ pair.R_before_after)
            alike[number] = _correlation(here[ahead], there, known)
        best = int(np.argmax(alike))
        if alike[best] < LEAST_ALIKE or best in (0, len(lengths) - 1):
            return None
        others = (np.abs(lengths - lengths[best]) > APART * lengths[best]) & _peaks(alike)
        # what looks the same without a motion is no ground that is left behind: a car ahead, as fast as the camera
        there, known = _seen(pair.after, pair.matrix, points @ pair.R_before_after)
        still = _correlation(here[ahead], there, known)
        rival = bool(np.any(alike[others] > RIVAL * alike[best])) or still > RIVAL * alike[best]
        at = _vertex(alike[best - 1 : best + 2])
        metres = float(np.interp(at, [-1.0, 0.0, 1.0], lengths[best - 1 : best + 2]))
        return Length(metres, float(alike[best]), rival)

    def _pixels(self, shape: tuple[int, ...], matrix: Array) -> tuple[Index, Array]:
        """Pixels (N,2) that show the ground ahead, by the tilt as it is known, and their rays (N,3)."""
        v, u = np.mgrid[: shape[0] : EVERY, : shape[1] : EVERY].reshape(2, -1)
        rays = np.stack([u, v, np.ones_like(u)], axis=1) @ np.linalg.inv(matrix).T
        slope = rays @ np.array([0.0, np.cos(self._tilt), np.sin(self._tilt)])
        ahead = 1.0 / np.where(slope > 1e-3, slope, np.inf)
        chosen = (ahead > NEAR) & (ahead < FAR) & (np.abs(rays[:, 0] * ahead) < SIDE)
        return np.stack([u, v], axis=1)[chosen], rays[chosen]


def _bright(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The brightness (H,W) without that of the light, which changes slowly."""
    bright = image.astype(np.float32)
    return np.asarray(bright - cv2.GaussianBlur(bright, (0, 0), SMOOTH_PIXELS), np.float32)


def _seen(bright: NDArray[np.float32], matrix: Array, points: Array) -> tuple[NDArray[np.float32], Flags]:
    """The brightness (N,) of points (N,3) in the camera's frame, and which of them are in the image."""
    z = np.maximum(points[:, 2], 0.05)
    u = (matrix[0, 0] * points[:, 0] / z + matrix[0, 2]).astype(np.float32)
    v = (matrix[1, 1] * points[:, 1] / z + matrix[1, 2]).astype(np.float32)
    rows, columns = bright.shape
    known = (points[:, 2] > 0.05) & (u >= 0) & (u < columns - 1) & (v >= 0) & (v < rows - 1)
    there = np.asarray(cv2.remap(bright, u[:, None], v[:, None], cv2.INTER_LINEAR), np.float32)
    return there[:, 0], np.asarray(known)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], known: Flags) -> float:
    """Normalised cross-correlation, -1 to 1; 0 where too little is known."""
    if not len(known) or known.mean() < LEAST_KNOWN:
        return 0.0
    a, b = one[known] - one[known].mean(), other[known] - other[known].mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0.0 else 0.0


def _peaks(values: Array) -> Flags:
    """Which values are higher than those beside them."""
    inner = (values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])
    return np.concatenate([[False], inner, [False]])


def _vertex(three: Array) -> float:
    """Where the parabola through three values at -1, 0 and 1 is highest; the best end where it has no top."""
    curvature = three[0] - 2.0 * three[1] + three[2]
    if curvature >= 0.0:
        return float(np.argmax(three)) - 1.0
    return float(0.5 * (three[0] - three[2]) / curvature)
