"""Registration evaluated in a world that repeats itself: pairs of scans of one drive, and scans in a map of twins.

The pairs of a gap whose two poses no sensor can tell apart are a group of their own: there the true transform cannot be
known. Neither can it be in the group "map": a scan is registered to a cloud of its own place and of places that look
the same. In these groups only a refusal is honest; the true transform would be a matter of luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.measure import Case, scan_criterion
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.world import World

STEP_M = 1.0  # between the scans of a drive, so that a gap counts metres
TWINS_IN_MAP = 2  # beside the place itself, the nearest ones
MAP_HALF_M = 3.0  # the map holds scans this far before and behind each place, too
MAP_GROUP = "map"


@dataclass(frozen=True)
class WorldProtocol:
    """Target is scan k of a lap, source is scan k + gap, for each gap and every so many-th k; then scans in maps."""

    gaps: Sequence[int]
    rotate: str = "so3"  # how sources are turned about their sensor: "none", "yaw", "so3"
    seed: int = 0  # of the noise and of the turns
    every: int = 1

    def count(self, world: World) -> int:
        """The number of pairs. Raises ValueError for a gap longer than the route."""
        lap = world.lap(STEP_M)
        for gap in self.gaps:
            if not 0 < gap < len(lap):
                raise ValueError(f"gap {gap}: a route of {len(lap)} scans has no two that are so far apart")
        with_twins = sum(len(world.twins(T)) > 0 for T in lap[:: self.every])
        return with_twins + sum(len(range(0, len(lap) - gap, self.every)) for gap in self.gaps)

    def cases(self, world: World) -> Iterator[Case]:
        """The pairs, one after the other. Raises ValueError for a gap longer than the route."""
        self.count(world)
        lap, scanner = world.lap(STEP_M), WorldScanner(world)
        for k in range(0, len(lap), self.every):
            for gap in self.gaps:
                if k + gap < len(lap):
                    target = scanner.scan(lap[k], np.random.default_rng([self.seed, k, 0]))
                    group = f"{gap} unknowable" if world.alike(lap[k], lap[k + gap]) else str(gap)
                    T_target_source = se3.inverse(lap[k]) @ lap[k + gap]
                    source = scanner.scan(lap[k + gap], np.random.default_rng([self.seed, k, gap]))
                    pair = ScanPair(target, source, T_target_source, scanner.origin, scanner.origin, f"{k}-{k + gap}")
                    yield self._case(group, k, k + gap, pair)
            twins = world.twins(lap[k])
            if len(twins):
                cloud = self._map(scanner, lap[k], twins, k)
                source = scanner.scan(lap[k], np.random.default_rng([self.seed, k, 1]))
                yield self._case(MAP_GROUP, k, k, ScanPair(cloud, source, np.eye(4), None, scanner.origin, f"{k}-map"))

    def _map(self, scanner: WorldScanner, T_world_place: Array, twins: Array, k: int) -> NDArray[np.float32]:
        """A cloud (N,3) of a place and of its nearest twins, in the base frame of the place."""
        nearest = np.argsort(np.linalg.norm((twins - T_world_place)[:, :3, 3], axis=1))[:TWINS_IN_MAP]
        clouds = []
        for number, T_world_twin in enumerate([T_world_place, *twins[nearest]]):
            for ahead in (-MAP_HALF_M, 0.0, MAP_HALF_M):
                T_world_base = T_world_twin @ se3.from_planar(ahead, 0.0, 0.0)
                random = np.random.default_rng([self.seed, k, 2, number, int(ahead + MAP_HALF_M)])
                T_place_base = se3.inverse(T_world_place) @ T_world_base
                clouds.append(se3.apply(T_place_base, scanner.scan(T_world_base, random).astype(np.float64)))
        return np.vstack(clouds).astype(np.float32)

    def _case(self, group: str, target: int, source: int, upright: ScanPair) -> Case:
        turn = random_turn(self.rotate, np.random.default_rng([self.seed, target, source]))
        pair = source_turned(upright, turn)
        return Case(group, target, source, pair, scan_criterion(pair.T_target_source))
