"""Flow equivariance of an exported step, measured on the file itself: what it remembers of a sequence that moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Velocity = tuple[int, int]


def moved(frames: Array, velocity: Velocity) -> Array:
    """A sequence (T,...,H,W) that moves by whole cells in every step, the first too, over a circular grid."""
    return np.stack([np.roll(f, (t * velocity[0], t * velocity[1]), axis=(-2, -1)) for t, f in enumerate(frames, 1)])


def flow_error(
    remember: Callable[[Array], Array],
    moving: Callable[[Velocity], Array],
    velocities: Sequence[Velocity],
    tiles: tuple[int, int],
) -> float:
    """Largest difference, relative to the largest value, between what is remembered of a moving sequence and what is
    remembered of it at rest with the velocities permuted.

    `moving` gives the sequence (T,1,1,H,W) at a velocity, `remember` its memory (1,C,P*H,Q*W) in windows that travel
    with P x Q velocities: a flow u then moves nothing in them, and brings to the window of v what was in that of v - u.
    Velocities whose counterpart is not in the set are left out. A memory without velocities has one window, which
    stays: in it the memory has to move with the last frame.
    """
    still = remember(moving((0, 0)))
    worst = 0.0
    for u in velocities:
        frames = moving(u)
        found = remember(frames)
        if tiles == (1, 1):
            pairs = [(found, np.roll(still, (len(frames) * u[0], len(frames) * u[1]), axis=(-2, -1)))]
        else:
            one, other = windows(still, tiles), windows(found, tiles)
            pairs = [
                (other[i, j], one[i - u[0], j - u[1]])
                for i in range(max(0, u[0]), min(tiles[0], tiles[0] + u[0]))
                for j in range(max(0, u[1]), min(tiles[1], tiles[1] + u[1]))
            ]
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in pairs))
    return worst / float(np.abs(still).max())


def windows(memory: Array, tiles: tuple[int, int]) -> Array:
    """Memory (1,C,P*H,Q*W) by velocity: (P,Q,C,H,W)."""
    _, channels, height, width = memory.shape
    apart = memory.reshape(channels, tiles[0], height // tiles[0], tiles[1], width // tiles[1])
    return apart.transpose(1, 3, 0, 2, 4)
