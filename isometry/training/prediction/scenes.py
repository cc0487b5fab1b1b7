"""Scenes to train motion prediction on: positions of all agents over two seconds, and over the three after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import reading_arrays
from isometry.simulation.traffic.traffic import simulate_traffic
from isometry.tracking.prediction.predictor import CLASSES, HISTORY, motion_class
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS

Floats = NDArray[np.float32]
MOMENTS = HISTORY + PATH_STEPS
MOST_AGENTS = 24  # of a scene; of more, a random choice is taken
LEAST_PAST = 5  # moments before the first scene
APART_S = 1.5  # between two scenes of one simulation
SIMULATED_S = 14.0
EMPTY = np.full((1, MOST_AGENTS, MOMENTS, 2), np.nan, np.float32)


@dataclass(frozen=True)
class Scenes:
    """S scenes of up to `MOST_AGENTS` agents; unknown and absent positions are NaN."""

    positions: Floats  # (S,A,51,2) metres, around the mean position now, which is the 21st
    kinds: Floats  # (S,A,3) one-hot: the class of `CLASSES` whose motion the agent has; zero for none

    def __len__(self) -> int:
        return len(self.positions)

    def part(self, start: float, end: float) -> Scenes:
        """Those between two shares, 0 to 1, of the whole."""
        rows = slice(round(start * len(self)), round(end * len(self)))
        return Scenes(self.positions[rows], self.kinds[rows])

    def draw(self, count: int, random: np.random.Generator) -> Scenes:
        """A random sample, with repetition."""
        rows = random.integers(0, len(self), count)
        return Scenes(self.positions[rows], self.kinds[rows])

    @staticmethod
    def joined(parts: Sequence[Scenes]) -> Scenes:
        """The scenes of all parts in order; none for no parts."""
        parts = [Scenes(EMPTY[:0], np.zeros((0, MOST_AGENTS, len(CLASSES)), np.float32)), *parts]
        return Scenes(np.concatenate([p.positions for p in parts]), np.concatenate([p.kinds for p in parts]))

    def save(self, path: Path) -> None:
        """Write all scenes to one file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name("unfinished-" + path.name)
        np.savez_compressed(temporary, positions=self.positions, kinds=self.kinds)
        temporary.replace(path)

    @staticmethod
    def load(path: Path) -> Scenes:
        """What `save` wrote. Raises ValueError naming a file that is not one."""
        with reading_arrays(path, "scenes of motion prediction") as content:
            return Scenes(content["positions"], content["kinds"])


def scenes_of(positions: Array, labels: Sequence[str], moments: Iterable[int], random: np.random.Generator) -> Scenes:
    """Scenes at some moments of positions (T,A,2) of objects; moments are `PATH_STEP_S` apart, NaN: absent."""
    kinds = np.array([[motion_class(label) == kind for kind in CLASSES] for label in labels], np.float32)
    found = []
    for now in moments:
        present = random.permutation(np.flatnonzero(np.isfinite(positions[now, :, 0])))[:MOST_AGENTS]
        found.append(_scene(positions[:, present], kinds[present], now))
    return Scenes.joined(found)


def _scene(positions: Array, kinds: Floats, now: int) -> Scenes:
    """The scene around one moment of positions (T,A,2) of agents present then; none if no agent has a future."""
    first, last = max(0, now - HISTORY + 1), min(len(positions), now + PATH_STEPS + 1)
    start = first - (now - HISTORY + 1)
    scene, padded = EMPTY.copy(), np.zeros((1, MOST_AGENTS, len(CLASSES)), np.float32)
    count = positions.shape[1]
    if count:
        cut = positions[first:last].swapaxes(0, 1) - positions[now].mean(axis=0)
        scene[0, :count, start : start + last - first] = cut
        padded[0, :count] = kinds
    return Scenes(scene, padded) if np.isfinite(scene[:, :, HISTORY:]).any() else Scenes(scene[:0], padded[:0])


def simulated_scenes(seeds: Sequence[int], progress: Callable[[int], None] = lambda _done: None) -> Scenes:
    """Scenes of simulated traffic, one simulation for each seed."""
    return Scenes.joined(list(_simulations(seeds, progress)))


def _simulations(seeds: Sequence[int], progress: Callable[[int], None]) -> Iterator[Scenes]:
    for done, seed in enumerate(seeds):
        random = np.random.default_rng([seed, 51])
        traffic = simulate_traffic(random, SIMULATED_S, 1.0 / PATH_STEP_S)
        moments = range(LEAST_PAST, len(traffic.boxes) - 1, round(APART_S / PATH_STEP_S))
        yield scenes_of(traffic.boxes[..., :2], traffic.labels, moments, random)
        progress(done + 1)
