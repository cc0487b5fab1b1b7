"""Registration evaluated on pairs of scans with a given gap in one drive, the second one turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.kitti.scans import ScanSequence
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.measure import Case, scan_criterion
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3
from isometry.sensing.ground_surface import above_ground

Points = NDArray[np.float32]


@dataclass(frozen=True)
class GapProtocol:
    """Target is scan k, source is scan k + gap, for each gap and every so many-th k. Scans are counted, not frames."""

    gaps: Sequence[int]
    rotate: str = "so3"  # how sources are turned about their sensor: "none", "yaw", "so3"
    seed: int = 0  # of the turns; that of a pair depends on seed, gap and k only
    every: int = 1
    drop_ground: bool = False  # before turning; the scans' z must point up

    def count(self, scans: int) -> int:
        """The number of pairs in a sequence of so many scans. Raises ValueError for a gap longer than the sequence."""
        for gap in self.gaps:
            if not 0 < gap < scans:
                raise ValueError(f"gap {gap}: a sequence of {scans} scans has no two that are so far apart")
        return sum(len(range(0, scans - gap, self.every)) for gap in self.gaps)

    def cases(self, sequence: ScanSequence) -> Iterator[Case]:
        """The pairs of a sequence, one after the other. Raises ValueError for a gap longer than the sequence."""
        self.count(len(sequence))
        longest = max(self.gaps)
        # a scan is used again within the longest gap
        points = lru_cache(maxsize=2 * longest + 2)(partial(_points, sequence, self.drop_ground))
        for k in range(0, len(sequence), self.every):
            for gap in self.gaps:
                if k + gap < len(sequence):
                    yield self._case(sequence, points, k, gap)

    def _case(self, sequence: ScanSequence, points: Callable[[int], Points], k: int, gap: int) -> Case:
        frames = int(sequence.frames[k]), int(sequence.frames[k + gap])
        upright = ScanPair(
            target=points(k),
            source=points(k + gap),
            T_target_source=se3.inverse(sequence.poses[k]) @ sequence.poses[k + gap],
            target_viewpoint=np.zeros(3),
            source_viewpoint=np.zeros(3),
            name=f"{frames[0]}-{frames[1]}",
        )
        turn = random_turn(self.rotate, np.random.default_rng([self.seed, gap, k]))
        pair = source_turned(upright, turn)
        return Case(str(gap), *frames, pair, scan_criterion(pair.T_target_source))


def _points(sequence: ScanSequence, drop_ground: bool, k: int) -> Points:
    """Points (N,3) of the k-th scan that are finite."""
    scan = sequence.scan(k)[:, :3]
    finite: Points = scan[np.isfinite(scan).all(axis=1)]
    return np.asarray(above_ground(finite) if drop_ground else finite, np.float32)
