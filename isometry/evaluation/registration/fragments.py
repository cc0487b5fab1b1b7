"""Registration evaluated on fragments of rooms: those of an RGB-D sequence, and the published 3DMatch and 3DLoMatch.

A transform is right when the points that both fragments show are less than 0.2 m, root mean square, apart at it (Choi,
Zhou and Koltun, CVPR 2015; Zeng et al., "3DMatch", CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import small_gicp
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.datasets.rgbd_fragments import FRAMES, OVERLAP_VOXEL_M, Fragment, fragment_overlap, fragments_of
from isometry.datasets.scan_pair import REACH, ScanPair
from isometry.datasets.seven_scenes import open_seven_scenes
from isometry.datasets.three_d_match import RIGHT_RMSE_M, FragmentPair, FragmentScene
from isometry.evaluation.registration.measure import Case
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3

OVERLAPS = {"over_0.3": (0.3, 1.01), "0.1_to_0.3": (0.1, 0.3)}
COUNTED, NEIGHBOURS = "counted", "neighbours_in_time"
FRAGMENTS_KEPT = 64  # in memory at once


@dataclass(frozen=True)
class FragmentProtocol:
    """All pairs of fragments of a scene that overlap by a tenth or more, in groups by their overlap."""

    frames: int = FRAMES  # of a fragment
    rotate: str = "so3"  # how sources are turned: "none", "yaw", "so3"
    seed: int = 0  # of the turns; that of a pair depends on seed and on the two fragments only

    def read(self, root: Path) -> list[Fragment]:
        """Fragments of all sequences of a 7-Scenes scene. Raises DatasetError with the name of a missing file."""
        return [fragment for sequence in open_seven_scenes(root) for fragment in fragments_of(sequence, self.frames)]

    def pairs(self, fragments: Sequence[Fragment]) -> list[tuple[str, int, int]]:
        """Group by overlap, target and source of all pairs; the target is the earlier fragment.

        Raises ValueError where no two fragments overlap by a tenth.
        """
        found = []
        for target, source in combinations(range(len(fragments)), 2):
            shared = fragment_overlap(fragments[target], fragments[source])
            found += [(group, target, source) for group, (low, high) in OVERLAPS.items() if low < shared <= high]
        if not found:
            raise ValueError(f"none of the {len(fragments)} fragments overlaps another one by a tenth")
        return sorted(found, key=lambda pair: list(OVERLAPS).index(pair[0]))

    def cases(self, fragments: Sequence[Fragment], pairs: Sequence[tuple[str, int, int]]) -> Iterator[Case]:
        """The pairs, one after the other."""
        for group, target, source in pairs:
            yield self._case(fragments, target, source, group)

    def _case(self, fragments: Sequence[Fragment], target: int, source: int, group: str) -> Case:
        first, second = fragments[target], fragments[source]
        T_target_source = se3.inverse(first.T_world_fragment) @ second.T_world_fragment
        camera = np.zeros(3)  # it moves by decimetres during a fragment
        upright = ScanPair(first.points, second.points, T_target_source, camera, camera, f"{first.name} {second.name}")
        turn = random_turn(self.rotate, np.random.default_rng([self.seed, target, source]))
        shown = shared_points(upright)
        return _case(group, target, source, source_turned(upright, turn), lambda T: rmse(T @ turn, upright, shown))


@dataclass(frozen=True)
class ThreeDMatchProtocol:
    """The pairs of a published benchmark, turned or not."""

    rotate: str = "none"
    seed: int = 0

    def count(self, scenes: Sequence[FragmentScene]) -> int:
        """The number of pairs of the scenes."""
        return sum(len(scene.pairs) for scene in scenes)

    def cases(self, scenes: Sequence[FragmentScene]) -> Iterator[Case]:
        """The pairs by scene, with neighbours in time too; see `FragmentPair.counts`."""
        for number, scene in enumerate(scenes):
            fragment = lru_cache(maxsize=FRAGMENTS_KEPT)(scene.fragment)
            for pair in scene.pairs:
                yield self._case(number, scene.name, pair, fragment)

    def _case(self, number: int, scene: str, pair: FragmentPair, fragment: Callable[[int], Array]) -> Case:
        camera = np.zeros(3)  # fragments are in the frame of their first camera
        clouds = [fragment(each).astype(np.float32) for each in (pair.target, pair.source)]
        name = f"{scene} {pair.target} {pair.source}"
        upright = ScanPair(clouds[0], clouds[1], pair.T_target_source, camera, camera, name)
        turn = random_turn(self.rotate, np.random.default_rng([self.seed, number, pair.target, pair.source]))
        group = COUNTED if pair.counts else NEIGHBOURS
        turned = source_turned(upright, turn)
        return _case(group, pair.target, pair.source, turned, lambda T: pair.rmse(T @ turn), scene)


def _case(
    group: str, target: int, source: int, pair: ScanPair, rmse_of: Callable[[Array], float], scene: str = ""
) -> Case:
    return Case(group, target, source, pair, lambda T: rmse_of(T) < RIGHT_RMSE_M, scene)


def shared_points(pair: ScanPair) -> Array:
    """Points (M,3) of the source, one per voxel of 2.5 cm, that the target shows too."""
    target, source = (
        np.asarray(small_gicp.voxelgrid_sampling(cloud.astype(np.float64), OVERLAP_VOXEL_M).points())[:, :3]
        for cloud in (pair.target, pair.source)
    )
    distance, _ = cKDTree(target).query(
        se3.apply(pair.T_target_source, source), distance_upper_bound=REACH * OVERLAP_VOXEL_M
    )
    shared: Array = source[np.isfinite(distance)]
    return shared


def rmse(T_target_source: Array, pair: ScanPair, shared: Array) -> float:
    """Root mean square error in metres of points (M,3) of the source at a transform (4,4)."""
    apart = se3.apply(T_target_source, shared) - se3.apply(pair.T_target_source, shared)
    return float(np.sqrt(np.square(apart).sum(axis=1).mean()))
