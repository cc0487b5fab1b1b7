"""Planar poses at which two occupancy images agree, over all yaws and shifts: correlation by the Fourier transform."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.registration.upright.cells import cell_centres, cell_numbers

BATCH = 24  # yaws transformed at once: small enough for the cache
STRIP = 8  # cells along x, of which only the best shift is used
WHITENING = 0.5  # power of the magnitude that is divided out: 0 for plain, 1 for phase correlation


class PlanarPoses(NamedTuple):
    """H poses of a source in a target, best first."""

    score: Array  # (H,)
    yaw: Array  # (H,) radians
    shift: Array  # (H,2) metres


def correlate(
    target: Array,
    source: Array,
    cell: float,
    size: int,
    yaws: int,
    peaks: int,
    count: int,
    apart: float,
    whitening: float = WHITENING,
) -> PlanarPoses:
    """The `count` best planar poses of points (M,2) in points (N,2), metres.

    Images of `size` cells of `cell` metres are compared at `yaws` turns of the source. The `peaks` best shifts of each
    turn are kept, and of poses closer than `apart` metres and about two steps of yaw only the best. Dividing by the
    root of the cross-spectrum's magnitude (`whitening` is the power) is half way to phase correlation (Kuglin and
    Hines, 1975): structures that repeat along a street then have less weight than unique ones.
    """
    target_spectrum = fft.rfft2(_occupancy(_centred_cells(target, cell, size)[None], size))[0]
    occupied = cell_centres(np.unique(cell_numbers(source, cell / 2.0)), cell / 2.0)
    angles = 2.0 * np.pi * np.arange(yaws) / yaws
    found = []
    for first in range(0, yaws, BATCH):
        batch = angles[first : first + BATCH]
        cosine, sine = np.cos(batch)[:, None], np.sin(batch)[:, None]
        turned = np.stack(
            [cosine * occupied[:, 0] - sine * occupied[:, 1], sine * occupied[:, 0] + cosine * occupied[:, 1]], axis=-1
        )
        cross = target_spectrum * fft.rfft2(_occupancy(_centred_cells(turned, cell, size), size)).conj()
        cross /= np.abs(cross) ** np.float32(whitening) + np.float32(1.0)
        found.append(_peaks(fft.irfft2(cross, s=(size, size)), batch, cell, peaks))
    candidates = np.vstack(found)
    return _distinct(candidates[np.argsort(-candidates[:, 0])], count, apart, 4.5 * np.pi / yaws)


def _centred_cells(points: Array, cell: float, size: int) -> NDArray[np.int32]:
    """Cells (...,2) of points in an image around the origin; outside of the image where negative or >= size."""
    return np.asarray(np.floor(points * (1.0 / cell)), np.int32) + size // 2


def _occupancy(cells: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """Images (B,size,size) that are 1 in the cells (B,N,2), or (1,N,2)."""
    images = np.zeros((len(cells), size, size), np.float32)
    batch = np.broadcast_to(np.arange(len(cells))[:, None], cells.shape[:2])
    inside = np.logical_and(cells >= 0, cells < size).all(axis=-1)
    chosen = cells[inside]
    images[batch[inside], chosen[:, 0], chosen[:, 1]] = 1.0
    return images


def _peaks(correlation: NDArray[np.float32], angles: Array, cell: float, peaks: int) -> Array:
    """Rows (B*peaks,4) score, yaw, x, y of the highest strips of periodic correlations (B,S,S)."""
    batch, size, _ = correlation.shape
    strips = correlation.reshape(batch, size // STRIP, STRIP, size)
    highest = strips.max(axis=2).reshape(batch, -1)
    chosen = np.argpartition(highest, highest.shape[1] - peaks, axis=1)[:, -peaks:]
    strip, column = np.divmod(chosen, size)
    row = STRIP * strip + strips[np.arange(batch)[:, None], strip, :, column].argmax(axis=2)
    cells = np.stack([row, column], axis=-1)
    rows = np.empty((batch, peaks, 4))
    rows[..., 0], rows[..., 1] = np.take_along_axis(highest, chosen, axis=1), angles[:, None]
    rows[..., 2:] = ((cells + size // 2) % size - size // 2) * cell
    return rows.reshape(-1, 4)


def _distinct(rows: Array, count: int, apart: float, yaw_apart: float) -> PlanarPoses:
    """The first `count` of sorted rows (R,4) that are not close to an earlier one."""
    kept: list[int] = []
    free = np.ones(len(rows), bool)
    while free.any() and len(kept) < count:
        best = int(free.argmax())
        kept.append(best)
        turn = np.abs(planar.wrapped(rows[:, 1] - rows[best, 1]))
        free &= (turn > yaw_apart) | (np.hypot(*(rows[:, 2:] - rows[best, 2:]).T) > apart)
    return PlanarPoses(rows[kept, 0], rows[kept, 1], rows[kept, 2:])
