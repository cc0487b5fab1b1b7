"""The poses at which a lost robot may be: one for each place that its scans fit, until one alone is left.

In one of two equal halls both poses fit, scan after scan. They part when the robot drives to where the halls differ:
there the wrong one fits worse, and at last not at all. Little by little counts too: a pose at which each scan lies on a
little less of the map, and sees through a little more of it, is dropped after some metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.registration.verification import Agreement
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.scan_pose import Belief, ScanPose

MOST = 16  # poses that are followed; with more, the worst are dropped, and rivals are looked for again
WORSE = 0.15  # share by which the agreement of a pose may be lower than that of the best one, in the same scans
FEWEST_COMPARED = 2  # with each scan: one alone says nothing of the others
DROPPED_AFTER = 3  # scans in a row that do not fit; one alone may be occluded, and fit the equal place by chance
GAIN = 0.3  # weight of a scan in the running mean of the agreement
# Shares of points by which a pose is behind the best one in the same scan: what of it does not count, the most that
# counts, and the sum over metres that is one piece of evidence. Poses in equal places differ by chance, to and fro.
LESS_OVERLAP, MOST_OVERLAP, OVERLAP_PIECE = 0.02, 0.04, 0.06
MORE_CONTRADICTION, MOST_CONTRADICTION, CONTRADICTION_PIECE = 0.003, 0.008, 0.01
DROPPED_PIECES = 2.0  # from where it is dropped, if at least one is of contradiction: a map may have gaps
CHANGED = 2.0  # times the contradiction of the best pose, which tells how much the map has changed, are allowed too
COMPARED_METRES = 0.5  # that the robot moves from one comparison to the next: the same view says the same again


@dataclass(eq=False)
class PoseHypothesis:
    """A pose that all scans since it was found fit."""

    belief: Belief
    last: ScanPose | None = None  # by the last scan
    agreement: float = 1.0  # of scan and map, over that of the pose that fits best: running mean over the scans
    scans: int = 1  # that fit, with the one that it was found by
    misses: int = 0  # scans in a row that do not fit
    less_overlap: float = 0.0  # than the best pose, summed up over the metres driven
    more_contradiction: float = 0.0

    @property
    def determined(self) -> bool:
        """Whether the surfaces of one scan have held the pose, and odometry since then."""
        return self.last is not None and self.belief.determined(self.last.resolution)

    @property
    def dropped(self) -> bool:
        """Whether it has failed too often."""
        return self.misses >= DROPPED_AFTER

    def fit(self, expected: Belief, found: ScanPose | None, least: tuple[float, float]) -> bool:
        """Take in the pose that a scan has near the expected one, None where it has none, and say whether it fits.

        `least`: as for `Belief.contradicted`.
        """
        if found is None or found.reason != "ok" or expected.contradicted(found, least):
            return False
        # free directions of successive scans differ a little by their errors, and together they would seem to be held
        alone = Belief(found.T_map_base, found.covariance)
        self.belief = expected.fused(found) if self.determined else alone
        self.last, self.scans, self.misses = found, self.scans + 1, 0
        return True

    def fall_behind(self, own: Agreement, best: Agreement, metres: float) -> None:
        """Sum up by how much it agrees less than the best pose, in a scan `metres` after the last that was compared."""
        less = min(float(best.overlap - own.overlap) - LESS_OVERLAP, MOST_OVERLAP)
        more = float(own.contradiction - CHANGED * best.contradiction) - MORE_CONTRADICTION
        self.less_overlap = max(0.0, self.less_overlap + metres * less)
        self.more_contradiction = max(0.0, self.more_contradiction + metres * min(more, MOST_CONTRADICTION))

    @property
    def behind(self) -> bool:
        """Whether it has agreed less than the best pose for long enough."""
        contradicted = self.more_contradiction / CONTRADICTION_PIECE
        return contradicted >= 1.0 and contradicted + self.less_overlap / OVERLAP_PIECE >= DROPPED_PIECES

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
        self._T_compared_now = np.eye(4)  # motion since poses were compared

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
        self,
        T_before_after: Array,
        near: Callable[[Belief], ScanPose | None],
        agreement: Callable[[Array], Agreement],
        late: Callable[[], bool],
    ) -> None:
        """Move all poses by odometry (4,4), and keep what the next scan fits.

        `near` gives the pose of the scan near a belief, None where it does not fit. From when it is `late` on, the
        others are only moved, all but two, as the best of those that the scan fits; they are the first ones at the next
        scan. `agreement` is that of the scan with the map at poses (H,4,4).
        """
        for hypothesis in self.left:
            hypothesis.belief = hypothesis.belief.moved(T_before_after, self._parameters.odometry_drift)
        fitting: list[PoseHypothesis] = []
        waiting = sorted(self.left, key=lambda each: each.scans + each.misses)
        correction = np.eye(4)  # of the motion by odometry, which errs alike at all poses
        while waiting and not (late() and len(self.left) - len(waiting) >= FEWEST_COMPARED):
            hypothesis = waiting.pop(0)
            moved = hypothesis.belief
            tried = [moved, moved.corrected(correction)] if fitting else [moved]
            if any(hypothesis.fit(each, near(each), self._parameters.tolerance) for each in tried):
                better = not fitting or hypothesis.score > max(each.score for each in fitting)
                if better and hypothesis.determined:  # along a tunnel a scan corrects nothing
                    correction = se3.inverse(moved.T_map_base) @ hypothesis.belief.T_map_base
                fitting.append(hypothesis)
            else:
                hypothesis.misses += 1
        for hypothesis in waiting:
            hypothesis.belief = hypothesis.belief.corrected(correction)
        best = max((hypothesis.score for hypothesis in fitting), default=1.0)
        for hypothesis in fitting:
            hypothesis.agreement += GAIN * (hypothesis.score / max(best, 1e-9) - hypothesis.agreement)
        still: list[PoseHypothesis] = []
        for hypothesis in sorted(self.left, key=lambda each: (each.last is None, -each.agreement)):
            if not hypothesis.dropped and not self._known(hypothesis, still):  # two may have become one
                still.append(hypothesis)
        still = [hypothesis for hypothesis in still if hypothesis.agreement >= 1.0 - WORSE]
        self._T_compared_now = self._T_compared_now @ T_before_after
        metres = float(np.linalg.norm(self._T_compared_now[:3, 3]))
        if len(still) > 1 and metres >= COMPARED_METRES:
            still = self._not_behind(still, agreement, min(metres, 1.0))
            self._T_compared_now = np.eye(4)
        self.searched &= 0 < len(still) <= MOST
        self.left = still[:MOST]

    def _not_behind(
        self, hypotheses: list[PoseHypothesis], agreement: Callable[[Array], Agreement], metres: float
    ) -> list[PoseHypothesis]:
        """Compare poses in one scan, by the same points of it; those that have not fallen behind the best one."""
        agreed = agreement(np.array([each.belief.T_map_base for each in hypotheses]))
        each = [Agreement(*shares) for shares in zip(*agreed, strict=True)]
        best = each[int(np.argmax(agreed.score))]
        for hypothesis, own in zip(hypotheses, each, strict=True):
            hypothesis.fall_behind(own, best, metres)
        return [hypothesis for hypothesis in hypotheses if not hypothesis.behind]

    @property
    def only(self) -> PoseHypothesis | None:
        """The one pose that is left; None while there may be others."""
        return self.left[0] if self.searched and len(self.left) == 1 and not self.left[0].misses else None
