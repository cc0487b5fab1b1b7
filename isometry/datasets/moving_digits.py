"""Moving digits: two handwritten digits on a small image, each with its own constant velocity.

The digits are scikit-learn's (8 x 8, from the UCI repository). They translate by whole cells a step on an image with
periodic borders, or rotate about its centre by whole steps of 10 degrees. Where they overlap, the brighter one is
visible. After the Flowing MNIST of Keller, "Flow equivariant recurrent neural networks" (2025).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate, zoom

SIZE = {"translating": 24, "rotating": 32}  # of an image
DIGIT_SIZE = {"translating": 8, "rotating": 11}
OFF_CENTRE = 9  # cells from the centre of rotation to that of a digit
TURN_DEG = 10.0
DIGITS = 2  # in one image
TASK = "moving_digits"
SEEN = 10  # images that are given; those after them are to be predicted
WIDEST = {"translating": 2, "rotating": 5}  # largest velocity: cells a step along each axis, or turns of 10 degrees
TRAINED_ON = 1347  # digits, of 1797; the rest, by other writers, is for tests

Motion = Literal["translating", "rotating"]
Images = NDArray[np.float32]


class MovingDigits:
    """Sequences of images, 0 (empty) to 1, of random digits of the training or the test part."""

    def __init__(self, motion: Motion, fastest: int, training: bool) -> None:
        """`fastest` is the largest velocity, of either sign: cells a step along each axis, or turns of 10 degrees.

        Raises ValueError for an unknown motion.
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
        """Random sequences (count,length,size,size)."""
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
    """Digits (N,image_size,image_size) of a part of the set, enlarged to `size`, in the centre of an empty image."""
    from sklearn.datasets import load_digits

    digits = load_digits().images[part] / 16.0
    large = zoom(digits, (1, size / digits.shape[1], size / digits.shape[2]), order=3)
    before = (image_size - size) // 2
    edge = (before, image_size - size - before)
    return np.pad(np.clip(large, 0.0, 1.0), [(0, 0), edge, edge]).astype(np.float32)


def turned(digits: Images) -> Images:
    """Digits (N,S,S) turned counter-clockwise by each multiple of 10 degrees: (36,N,S,S)."""
    turns = round(360.0 / TURN_DEG)
    angles = TURN_DEG * np.arange(turns)
    return np.stack([np.clip(rotate(digits, a, axes=(2, 1), reshape=False, order=3), 0.0, 1.0) for a in angles])


def shifted(digits: Images, start: NDArray[np.integer], velocity: NDArray[np.integer], length: int) -> Images:
    """Images (...,T,S,S) of digits (...,S,S) from a start (...,2) in cells at a velocity (...,2) in cells a step."""
    size = digits.shape[-1]
    position = start[..., None, :] + velocity[..., None, :] * np.arange(length)[:, None]  # (...,T,2)
    cells = (np.arange(size) - position[..., None]) % size  # (...,T,2,S): the digit's cell that is visible there
    digits = np.broadcast_to(digits[..., None, :, :], (*position.shape[:-1], size, size))
    rows = np.take_along_axis(digits, cells[..., 0, :, None], axis=-2)
    moved: Images = np.take_along_axis(rows, cells[..., 1, None, :], axis=-1)
    return moved
