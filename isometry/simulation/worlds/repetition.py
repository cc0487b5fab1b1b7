"""Where a world repeats itself: regions in which a robot cannot know, by any sensor, in which of them it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3

SAME_METRES, SAME_RADIANS = 0.5, np.radians(5.0)  # poses of different regions that differ by less look the same
EVEN_STEP_M = 10.0  # between the twins that are named of a pose in an even region, which has infinitely many


@dataclass(frozen=True)
class Region:
    """A box of positions of the robot."""

    T_world_region: Array  # (4,4)
    low: Array  # (3,) metres in the frame of the region
    high: Array  # (3,)

    def local(self, T_world_base: Array) -> Array:
        """The pose (4,4) of a robot in the frame of the region."""
        return np.asarray(se3.inverse(self.T_world_region) @ T_world_base)

    def contains(self, T_world_base: Array) -> bool:
        """Whether a robot at a pose (4,4) is inside."""
        position = self.local(T_world_base)[:3, 3]
        return bool(np.all((position >= self.low) & (position <= self.high)))


@dataclass(frozen=True)
class Repetition:
    """Regions with equal surroundings: from equal poses in them, a sensor measures the same."""

    regions: Sequence[Region]
    even: bool = False  # inside a region too, nothing changes along its x axis
    half_turn: bool = False  # a region looks the same after half a turn about its z axis

    def alike(self, T_first: Array, T_second: Array) -> bool:
        """Whether two poses (4,4) in the world lie in regions and look the same there."""
        second = self._local(T_second)
        return any(self._same(first, each) for first in self._local(T_first) for each in second)

    def twins(self, T_world_base: Array) -> Iterator[Array]:
        """Other poses (4,4) that look the same; a pose outside of the regions has none."""
        for local in self._local(T_world_base):
            for region in self.regions:
                for shift in self._shifts(region, local):
                    twin = region.T_world_region @ _shifted(local, shift)
                    metres, radians = se3.distance(twin, T_world_base)
                    if region.contains(twin) and (metres > SAME_METRES or radians > SAME_RADIANS):
                        yield twin

    def _local(self, T_world_base: Array) -> list[Array]:
        """The pose in the frame of the region that it lies in, also with half a turn; empty outside of all regions."""
        inside = [region.local(T_world_base) for region in self.regions if region.contains(T_world_base)]
        turn = se3.from_planar(0.0, 0.0, np.pi)
        return inside + ([turn @ local for local in inside] if self.half_turn else [])

    def _same(self, first: Array, second: Array) -> bool:
        if self.even:
            first, second = _shifted(first, -first[0, 3]), _shifted(second, -second[0, 3])
        metres, radians = se3.distance(first, second)
        return metres < SAME_METRES and radians < SAME_RADIANS

    def _shifts(self, region: Region, local: Array) -> Array:
        """Shifts in metres along x after which a pose (4,4) of the region looks the same, as far as it reaches."""
        if not self.even:
            return np.zeros(1)
        below, above = region.low[0] - local[0, 3], region.high[0] - local[0, 3]
        steps: Array = EVEN_STEP_M * np.arange(np.ceil(below / EVEN_STEP_M), np.floor(above / EVEN_STEP_M) + 1.0)
        return steps


def _shifted(pose: Array, metres: float) -> Array:
    """A pose (4,4) moved along the x axis of its parent frame."""
    moved = pose.copy()
    moved[0, 3] += metres
    return moved


def translated(positions: Array, low: Array, high: Array) -> list[Region]:
    """Regions of one box, from `low` (3,) to `high` (3,), at positions (K,3); all have the axes of the world."""
    return [Region(se3.from_rotation_translation(np.eye(3), position), low, high) for position in positions]
