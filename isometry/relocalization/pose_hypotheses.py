"""The poses at which a lost robot may be: one for each place that its scans fit, until one alone is left.

In one of two equal halls both poses fit, scan after scan. They part when the robot drives to where the halls differ:
there the wrong one does not fit any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isometry.arrays import Array
from isometry.geometry import covariance
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.scan_pose import Belief, ScanPose

MOST = 16  # poses that are followed; with more, the worst are dropped, and rivals are looked for again
WORSE = 0.15  # share by which the agreement of a pose may be lower than that of the best one, in the same scans
FEWEST_COMPARED = 2  # with each scan: one alone says nothing of the others
DROPPED_AFTER = 3  # scans in a row that do not fit; one alone may be occluded, and fit the equal place by chance
GAIN = 0.3  # weight of a scan in the running mean of the agreement


@dataclass(eq=False)
class PoseHypothesis:
    """A pose that all scans since it was found fit."""

    belief: Belief
    last: ScanPose | None = None  # by the last scan
    agreement: float = 1.0  # of scan and map, over that of the pose that fits best: running mean over the scans
    scans: int = 1  # that fit, with the one that it was found by
    misses: int = 0  # scans in a row that do not fit

    @property
    def determined(self) -> bool:
        """Whether the surfaces of one scan have held the pose, and odometry since then."""
        return self.last is not None and self.belief.determined(self.last.resolution)

    @property
    def dropped(self) -> bool:
        """Whether it has failed too often."""
        return self.misses >= DROPPED_AFTER

    def compare(self, found: ScanPose | None, least: tuple[float, float]) -> bool:
        """Take in the pose by the next scan, None where it has none, and say whether it fits.

        `least`: as for `Belief.contradicted`.
        """
        if found is None or found.reason != "ok" or self.belief.contradicted(found, least):
            self.misses += 1
            return False
        # free directions of successive scans differ a little by their errors, and together they would seem to be held
        alone = Belief(found.T_map_base, found.covariance)
        self.belief = self.belief.fused(found) if self.determined else alone
        self.last, self.scans, self.misses = found, self.scans + 1, 0
        return True

    @property
    def score(self) -> float:
        """Agreement of the last scan that was compared with the map."""
        return 0.0 if self.last is None else self.last.registration.evidence["score"]


class PoseHypotheses:
    """The poses that are left, and whether all of their rivals are among them."""

    def __init__(self, parameters: RelocalizationParameters) -> None:
        self.left: list[PoseHypothesis] = []
        self.searched = False  # for rivals in all of the map, while at least one was left
        self._parameters = parameters

    def add(self, found: ScanPose) -> None:
        """Add a pose that a registration accepted, unless it is one that is left already."""
        self._add(PoseHypothesis(Belief(found.T_map_base, found.covariance), found))

    def add_unchecked(self, T_map_base: Array, T_then_now: Array) -> None:
        """Add a pose (4,4) that an earlier scan may fit; since then the robot moved by `T_then_now` (4,4)."""
        belief = Belief(T_map_base, covariance.independent(*self._parameters.tolerance))
        self._add(PoseHypothesis(belief.moved(T_then_now, self._parameters.odometry_drift)))

    def _add(self, hypothesis: PoseHypothesis) -> None:
        if not self._known(hypothesis, self.left):
            self.left.append(hypothesis)

    def _known(self, hypothesis: PoseHypothesis, others: list[PoseHypothesis]) -> bool:
        """Whether a pose agrees with one of others."""
        pose = hypothesis.belief.T_map_base
        return any(self._parameters.agree(pose, other.belief.T_map_base) for other in others)

    def follow(
        self, T_before_after: Array, near: Callable[[Belief], ScanPose | None], late: Callable[[], bool]
    ) -> None:
        """Move all poses by odometry (4,4), and keep what the next scan fits.

        `near` gives the pose of the scan near a belief, None where it does not fit. From when it is `late` on, the
        others are only moved, all but two; they are the first ones at the next scan.
        """
        for hypothesis in self.left:
            hypothesis.belief = hypothesis.belief.moved(T_before_after, self._parameters.odometry_drift)
        fitting: list[PoseHypothesis] = []
        for k, hypothesis in enumerate(sorted(self.left, key=lambda each: each.scans + each.misses), start=1):
            if hypothesis.compare(near(hypothesis.belief), self._parameters.tolerance):
                fitting.append(hypothesis)
            if late() and k >= FEWEST_COMPARED:
                break
        best = max((hypothesis.score for hypothesis in fitting), default=1.0)
        for hypothesis in fitting:
            hypothesis.agreement += GAIN * (hypothesis.score / max(best, 1e-9) - hypothesis.agreement)
        still: list[PoseHypothesis] = []
        for hypothesis in sorted(self.left, key=lambda each: (each.last is None, -each.agreement)):
            if not hypothesis.dropped and not self._known(hypothesis, still):  # two may have become one
                still.append(hypothesis)
        still = [hypothesis for hypothesis in still if hypothesis.agreement >= 1.0 - WORSE]
        self.searched &= 0 < len(still) <= MOST
        self.left = still[:MOST]

    @property
    def only(self) -> PoseHypothesis | None:
        """The one pose that is left; None while there may be others."""
        return self.left[0] if self.searched and len(self.left) == 1 and not self.left[0].misses else None
