"""The poses at which a lost robot may be: one for each place that its scans fit, until one alone is left.

In one of two equal halls both poses fit, scan after scan. They part when the robot drives to where the halls differ:
there its scans see through what the map has at the wrong one. A pose is dropped when several places contradict it and
fewer the best one, when what of its scans lies near the map fits it badly, or when nothing lies near it. That less of a
scan lies on the map drops none: there may be gaps, and things come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.relocalization.contradictions import Contradictions, View, contradicted
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import Belief, ScanPose

MOST = 16  # poses that are followed; with more, the worst are dropped, and rivals are looked for again
FEWEST_COMPARED = 2  # with each scan: one alone says nothing of the others
DROPPED_AFTER = 3  # scans in a row that do not fit; one alone may be occluded, and fit the equal place by chance
GAIN = 0.3  # weight of a scan in the running mean of the agreement
COMPARED_METRES = 0.5  # that the robot moves from one comparison to the next: the same view says the same again
FEWEST_VIEWS = 2  # that see through a place: in one alone, an edge may look so
LEAST_FITTING = 0.7  # share of what the best one fits there; a wrong pose fits its part of the map half as well
BESIDE = 0.9  # share of a scan that has nothing of the map near it: the robot would have left the map


@dataclass(eq=False)
class PoseHypothesis:
    """A pose that all scans since it was found fit."""

    belief: Belief
    last: ScanPose | None = None  # by the last scan
    agreement: float = 1.0  # of scan and map, over that of the pose that fits best: running mean over the scans
    scans: int = 1  # that fit, with the one that it was found by
    unfit: int = 0  # scans in a row that do not fit
    elsewhere: int = 0  # of them, those that fit another pose near it, or nothing
    views: int = 0  # that were compared
    beside: int = 0  # of them, those in a row that lie beside the map
    fitting: float = 1.0  # share of what lies near the map that fits it, over that of the best pose: running mean
    contradictions: Contradictions | None = None  # of the views

    @property
    def determined(self) -> bool:
        """Whether the surfaces of one scan have held the pose, and odometry since then."""
        return self.last is not None and self.belief.determined(self.last.resolution)

    @property
    def dropped(self) -> bool:
        """Whether it has failed too often."""
        worse = self.views >= DROPPED_AFTER and self.fitting < LEAST_FITTING
        return worse or max(self.elsewhere, self.beside) >= DROPPED_AFTER

    def fit(self, expected: Belief, found: ScanPose | None, parameters: RelocalizationParameters) -> bool | None:
        """Take in the pose that a scan has near the expected one, if it fits, and say so.

        False: there is none, or it is elsewhere; None: the registration is not sure.
        """
        if found is None or (found.reason == "ok" and expected.contradicted(found, parameters.tolerance)):
            return False
        if found.reason != "ok" or found.registration.overlap < parameters.least_overlap:
            return None
        # free directions of successive scans differ a little by their errors, and together they would seem to be held
        alone = Belief(found.T_map_base, found.covariance)
        self.belief = expected.fused(found) if self.determined else alone
        self.last, self.scans, self.unfit, self.elsewhere = found, self.scans + 1, 0, 0
        return True

    def see(self, view: View, best: float, resolution: float) -> None:
        """Take in what a scan of a resolution in metres says against it; `best`: share that fits at the best pose."""
        if self.contradictions is None:
            self.contradictions = Contradictions(resolution)
        self.contradictions.add(view)
        share = view.fits / max(best, 1e-9)
        self.fitting = share if not self.views else self.fitting + GAIN * (share - self.fitting)
        self.views += 1
        self.beside = self.beside + 1 if view.beside > BESIDE else 0

    @property
    def contradicted_places(self) -> int:
        """Places of the map that are seen through; in one view, for a pose that no scan has fitted yet."""
        if self.contradictions is None:
            return 0
        return self.contradictions.places(1 if self.last is None else FEWEST_VIEWS)

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
        scan: Scan,
        near: Callable[[Belief], ScanPose | None],
        views: Callable[[Array], list[View]],
    ) -> None:
        """Move all poses by odometry (4,4), and keep those that the next scan does not speak against.

        `near` gives the pose of the scan near a belief, None where the map has nothing there. From when the scan is
        late on, the others are only moved, all but two, as the best of those that it fits; they are the first ones at
        the next scan. `views` tells what the scan says against poses (H,4,4).
        """
        for hypothesis in self.left:
            hypothesis.belief = hypothesis.belief.moved(T_before_after, self._parameters.odometry_drift)
        self._fit(scan, near)
        still: list[PoseHypothesis] = []
        for hypothesis in sorted(self.left, key=lambda each: (each.last is None, -each.agreement)):
            if not hypothesis.dropped and not self._known(hypothesis, still):  # two may have become one
                still.append(hypothesis)
        if all(hypothesis.unfit >= DROPPED_AFTER for hypothesis in still):
            still = []
        self._T_compared_now = self._T_compared_now @ T_before_after
        moved = bool(np.linalg.norm(self._T_compared_now[:3, 3]) >= COMPARED_METRES)
        if len(still) > 1:
            still = self._not_contradicted(still, moved, scan, views)
        if moved:
            self._T_compared_now = np.eye(4)
        self.searched &= 0 < len(still) <= MOST
        self.left = still[:MOST]

    def _fit(self, scan: Scan, near: Callable[[Belief], ScanPose | None]) -> None:
        """Take in the poses of a scan near those that are left."""
        fitting: list[PoseHypothesis] = []
        waiting = sorted(self.left, key=lambda each: each.scans + each.unfit)
        correction = np.eye(4)  # of the motion by odometry, which errs alike at all poses
        while waiting and not (scan.late and len(self.left) - len(waiting) >= FEWEST_COMPARED):
            hypothesis = waiting.pop(0)
            moved = hypothesis.belief
            outcomes = []
            for each in [moved, moved.corrected(correction)] if fitting else [moved]:
                outcomes.append(hypothesis.fit(each, near(each), self._parameters))
                if outcomes[-1]:
                    break
            if outcomes[-1]:
                better = not fitting or hypothesis.score > max(each.score for each in fitting)
                if better and hypothesis.determined:  # along a tunnel a scan corrects nothing
                    correction = se3.inverse(moved.T_map_base) @ hypothesis.belief.T_map_base
                fitting.append(hypothesis)
            else:
                hypothesis.unfit += 1
                hypothesis.elsewhere = 0 if None in outcomes else hypothesis.elsewhere + 1
        for hypothesis in self.left:
            if hypothesis not in fitting:
                hypothesis.belief = hypothesis.belief.corrected(correction)
        best = max((hypothesis.score for hypothesis in fitting), default=1.0)
        for hypothesis in fitting:
            hypothesis.agreement += GAIN * (hypothesis.score / max(best, 1e-9) - hypothesis.agreement)

    def _not_contradicted(
        self,
        hypotheses: list[PoseHypothesis],
        moved: bool,
        scan: Scan,
        views: Callable[[Array], list[View]],
    ) -> list[PoseHypothesis]:
        """Those that what the scan says does not contradict; unless the robot `moved`, it says so of new ones only."""
        asked = [each for each in hypotheses if moved or not each.views]
        if not asked:
            return hypotheses
        seen = views(np.array([each.belief.T_map_base for each in hypotheses]))
        fitting = self._fitting(hypotheses)
        best = max(view.fits for each, view in zip(hypotheses, seen, strict=True) if each in fitting)
        for hypothesis, view in zip(hypotheses, seen, strict=True):
            if hypothesis in asked:
                hypothesis.see(view, best, scan.cloud.resolution)
        fewest = min(each.contradicted_places for each in fitting)
        changed = self._parameters.changed_places
        kept = [each for each in hypotheses if not each.dropped]
        return [each for each in kept if not contradicted(each.contradicted_places, fewest, changed)]

    @staticmethod
    def _fitting(hypotheses: list[PoseHypothesis]) -> list[PoseHypothesis]:
        """Those that the last scan fits, or all if it fits none."""
        return [each for each in hypotheses if not each.unfit] or hypotheses

    @property
    def only(self) -> PoseHypothesis | None:
        """The one pose that is left; None while there may be others."""
        return self.left[0] if self.searched and len(self.left) == 1 and not self.left[0].unfit else None
