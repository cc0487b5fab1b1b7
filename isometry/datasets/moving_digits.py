"""Two handwritten digits that move over a small image, each with a velocity of its own.

The digits are scikit-learn's (8 x 8, from the UCI repository). They shift by whole cells a step on an image whose
borders are joined, or go round its centre by whole steps of an angle; where both are, the brighter one is seen.
After the Flowing MNIST of Keller, Flow Equivariant Recurrent Neural Networks (2025).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate, zoom

SIZE = {"translating": 24, "rotating": 32}  # of an image
DIGIT_SIZE = {"translating": 8, "rotating": 11}
OFF_CENTRE = 9  # cells from the centre that digits turn about to their own
TURN_DEG = 10.0
DIGITS = 2  # in one image
TASK = "moving_digits"
SEEN = 10  # images, after which digits are predicted
WIDEST = {"translating": 2, "rotating": 5}  # cells a step along each axis, or turns of 10 degrees
TRAINED_ON = 1347  # digits, of 1797; those after them, by other writers, are for tests

Motion = Literal["translating", "rotating"]
Images = NDArray[np.float32]


class MovingDigits:
    """Sequences of images, 0 (empty) to 1, of digits that are drawn at random from one half of the set."""

    def __init__(self, motion: Motion, fastest: int, training: bool) -> None:
        """`fastest`: cells a step along each axis, or turns of 10 degrees a step, either way.

        Raises ValueError for a motion that is none.
        """
        if motion not in ("translating", "rotating"):
            raise ValueError(f"digits move by translating or rotating, not by {motion!r}")
        self.motion = motion
        self.fastest = fastest
        part = slice(None, TRAINED_ON) if training else slice(TRAINED_ON, None)
        self.size = SIZE[motion]
        self.digits = enlarged(part, DIGIT_SIZE[motion], self.size)
        if motion == "rotating":
            self.digits = turned(np.roll(self.digits, -OFF_CENTRE, axis=1))

    def sequences(self, random: np.random.Generator, count: int, length: int) -> Images:
        """So many sequences (count, length, size, size)."""
        chosen = random.integers(self.digits.shape[-3], size=(count, DIGITS))
        if self.motion == "translating":
            start = random.integers(self.size, size=(count, DIGITS, 2))
            velocity = random.integers(-self.fastest, self.fastest + 1, size=(count, DIGITS, 2))
            images = shifted(self.digits[chosen], start, velocity, length)
        else:
            start = random.integers(len(self.digits), size=(count, DIGITS))
            velocity = random.integers(-self.fastest, self.fastest + 1, size=(count, DIGITS))
            turns = start[..., None] + velocity[..., None] * np.arange(length)
            images = self.digits[turns % len(self.digits), chosen[..., None]]
        return np.asarray(images.max(axis=1), np.float32)


def enlarged(part: slice, size: int, image_size: int) -> Images:
    """Digits (N,image_size,image_size) of a part of the set, enlarged to `size`, in the middle of an empty image."""
    from sklearn.datasets import load_digits

    digits = load_digits().images[part] / 16.0
    large = zoom(digits, (1, size / digits.shape[1], size / digits.shape[2]), order=3)
    before = (image_size - size) // 2
    edge = (before, image_size - size - before)
    return np.pad(np.clip(large, 0.0, 1.0), [(0, 0), edge, edge]).astype(np.float32)


def turned(digits: Images) -> Images:
    """Digits (N,S,S) turned counter-clockwise by every whole step of the circle: (36,N,S,S)."""
    turns = round(360.0 / TURN_DEG)
    angles = TURN_DEG * np.arange(turns)
    return np.stack([np.clip(rotate(digits, a, axes=(2, 1), reshape=False, order=3), 0.0, 1.0) for a in angles])


def shifted(digits: Images, start: NDArray[np.integer], velocity: NDArray[np.integer], length: int) -> Images:
    """Digits (...,S,S) that go from a start (...,2) with a velocity (...,2), in cells and cells a step: (...,T,S,S)."""
    size = digits.shape[-1]
    place = start[..., None, :] + velocity[..., None, :] * np.arange(length)[:, None]  # (...,T,2)
    cells = (np.arange(size) - place[..., None]) % size  # (...,T,2,S): which cell of the digit is seen there
    digits = np.broadcast_to(digits[..., None, :, :], (*place.shape[:-1], size, size))
    rows = np.take_along_axis(digits, cells[..., 0, :, None], axis=-2)
    moved: Images = np.take_along_axis(rows, cells[..., 1, None, :], axis=-1)
    return moved
