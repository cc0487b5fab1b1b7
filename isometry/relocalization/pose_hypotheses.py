"""The poses at which a lost robot may be: one for each place that its scans fit, until one alone is left.

In one of two equal halls both poses fit, scan after scan. They part when the robot drives to where the halls differ:
there the wrong one does not fit any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isometry.arrays import Array
from isometry.relocalization.scan_pose import ScanPose

MOST = 16  # poses that are followed; with more, the worst are dropped, and rivals are looked for again
WORSE = 0.25  # share by which the agreement of a pose may be lower than that of the best one
DROPPED_AFTER = 3  # scans in a row that do not fit; one alone may be occluded, and fit the equal place by chance
UNCHECKED_DROPPED_AFTER = 1  # the same for a pose that no scan fitted closely yet
GAIN = 0.3  # weight of a scan in the running mean of the agreement


@dataclass(eq=False)
class PoseHypothesis:
    """A pose that all scans since it was found fit."""

    T_map_odom: Array  # (4,4)
    last: ScanPose | None = None  # by the last scan
    agreement: float = 0.0  # running mean over the scans, of the scan with the map
    scans: int = 1  # that fit, with the one that it was found by
    misses: int = 0  # scans in a row that do not fit


class PoseHypotheses:
    """The poses that are left, and whether all of their rivals are among them."""

    def __init__(self) -> None:
        self.left: list[PoseHypothesis] = []
        self.searched = False  # for rivals in all of the map, while at least one was left

    def add(self, hypothesis: PoseHypothesis, T_odom_base: Array, same: Callable[[Array, Array], bool]) -> None:
        """Add a pose, unless it is one that is left already; `same` compares two poses (4,4) of the base."""
        T_map_base = hypothesis.T_map_odom @ T_odom_base
        if not any(same(T_map_base, known.T_map_odom @ T_odom_base) for known in self.left):
            self.left.append(hypothesis)

    def follow(self, T_base_odom: Array, fitted: Callable[[Array], ScanPose | None], late: Callable[[], bool]) -> None:
        """Keep what the next scans fit: `fitted` gives the pose near one of `T_map_odom` (4,4), None where it does not.

        From when it is `late` on, the others stay as they are; they are the first ones at the next scan.
        """
        still: list[PoseHypothesis] = []
        for hypothesis in sorted(self.left, key=lambda hypothesis: hypothesis.scans):
            found = None if late() else fitted(hypothesis.T_map_odom)
            if found is not None:
                self._fits(hypothesis, found, T_base_odom)
            elif not late():
                hypothesis.misses += 1
            if hypothesis.misses < (UNCHECKED_DROPPED_AFTER if hypothesis.last is None else DROPPED_AFTER):
                still.append(hypothesis)
        still.sort(key=lambda hypothesis: -hypothesis.agreement)
        best = still[0].agreement if still else 0.0
        still = [h for h in still if h.last is None or h.agreement >= (1.0 - WORSE) * best]
        self.searched &= 0 < len(still) <= MOST
        self.left = still[:MOST]

    def _fits(self, hypothesis: PoseHypothesis, found: ScanPose, T_base_odom: Array) -> None:
        agreement = found.registration.evidence["score"]
        hypothesis.agreement += (1.0 if hypothesis.last is None else GAIN) * (agreement - hypothesis.agreement)
        hypothesis.T_map_odom, hypothesis.last = found.T_map_base @ T_base_odom, found
        hypothesis.scans, hypothesis.misses = hypothesis.scans + 1, 0

    @property
    def only(self) -> PoseHypothesis | None:
        """The one pose that is left; None while there may be others."""
        return self.left[0] if self.searched and len(self.left) == 1 and not self.left[0].misses else None
