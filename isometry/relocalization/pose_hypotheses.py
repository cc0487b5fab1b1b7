"""The poses at which a lost robot may be: one for each place that its scans fit, until one alone is left.

In one of two equal halls both poses fit, scan after scan. They part when the robot drives to where the halls differ:
there its scans see through what the map has at the wrong one. A pose is dropped when more places contradict it than
may have changed, and fewer another one in the same scans; when what of the scans lies near the map fits it badly; or
when nothing lies near it. That less of a scan lies on the map drops none: there may be gaps, and things come and go.
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
GAIN = 0.3  # weight of a scan in a running mean
COMPARED_METRES, COMPARED_RADIANS = 0.5, 0.5  # moved or turned from view to view: the same view says the same again
MORE_IN_ONE_VIEW = 2  # places that may contradict a pose there
FEWEST_VIEWS = 2  # that see through a place: in one alone, an edge may look so
LEAST_ON_SURFACE = 0.7  # over that of the best pose; at a wrong one, its part of the map holds half as much of the scan
BESIDE = 0.9  # share of a scan that has nothing of the map near it: the robot would have left the map


@dataclass(eq=False)
class PoseHypothesis:
    """A pose that no scan since it was found speaks against enough."""

    belief: Belief
    last: ScanPose | None = None  # by the last scan that fits
    agreement: float = 1.0  # of scan and map, over that of the pose that fits best: running mean over the scans
    scans: int = 1  # that fit, with the one that it was found by
    tried: bool = False  # with the last scan
    compared: int = 0  # scans that were tried
    unfit: int = 0  # scans in a row that do not fit
    elsewhere: int = 0  # of them, those that fit another pose near it, or nothing
    beside: int = 0  # views in a row that lie beside the map
    on_surface: float = 1.0  # share of what lies near the map, over that of the best pose: running mean over views
    contradictions: Contradictions | None = None  # of the views

    @property
    def determined(self) -> bool:
        """Whether the surfaces of one scan have held the pose, and odometry since then."""
        return self.last is not None and self.belief.determined(self.last.resolution)

    @property
    def dropped(self) -> bool:
        """Whether it has failed too often."""
        worse = bool(self.views) and self.compared >= DROPPED_AFTER and self.on_surface < LEAST_ON_SURFACE
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

    @property
    def fits(self) -> bool:
        """Whether the last scan was tried, and fits."""
        return self.tried and self.last is not None and not self.unfit

    @property
    def views(self) -> set[int]:
        """Numbers of the views that were compared."""
        return set() if self.contradictions is None else self.contradictions.views

    def see(self, number: int, view: View, best: float, resolution: float) -> None:
        """Take in what a view of a scan of a resolution in metres says; `best`: what is on surfaces at the best one."""
        share = view.on_surface / max(best, 1e-9)
        self.on_surface = self.on_surface + GAIN * (share - self.on_surface) if self.views else share
        self.beside = self.beside + 1 if view.beside > BESIDE else 0
        if self.contradictions is None:
            self.contradictions = Contradictions(resolution)
        self.contradictions.add(number, view)

    def contradicted_places(self, views: set[int], fewest: int) -> int:
        """Places of the map that are seen through in at least `fewest` of some views."""
        return 0 if self.contradictions is None else self.contradictions.places(views, fewest)

    def loses_to(self, other: PoseHypothesis, changed_places: int) -> bool:
        """Whether many more places contradict it than another pose, in the views of both.

        A robot that stands has one view alone, in which an edge may look like a place: then it takes some more.
        """
        shared = self.views & other.views
        if not shared or (len(shared) < FEWEST_VIEWS and self.compared < DROPPED_AFTER):
            return False
        fewest, more = (FEWEST_VIEWS, 0) if len(shared) >= FEWEST_VIEWS else (1, MORE_IN_ONE_VIEW)
        own, others = (each.contradicted_places(shared, fewest) for each in (self, other))
        return contradicted(own, others, changed_places + more)

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
        self._view = 0  # number of that view
        self._best_on_surface = 0.0  # what lies on surfaces there, at the best pose

    def add(self, found: ScanPose) -> None:
        """Add a pose that a registration accepted, unless it is one that is left already."""
        self._add(PoseHypothesis(Belief(found.T_map_base, found.covariance), found, tried=True))

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
        metres, radians = se3.distance(np.eye(4), self._T_compared_now)
        if metres >= COMPARED_METRES or radians >= COMPARED_RADIANS:
            self._view, self._best_on_surface, self._T_compared_now = self._view + 1, 0.0, np.eye(4)
        if len(still) > 1:
            still = self._not_contradicted(still, scan, views)
        self.searched &= 0 < len(still) <= MOST
        self.left = still[:MOST]

    def _fit(self, scan: Scan, near: Callable[[Belief], ScanPose | None]) -> None:
        """Take in the poses of a scan near those that are left."""
        fitting: list[PoseHypothesis] = []
        waiting = sorted(self.left, key=lambda each: each.scans + each.unfit)
        for hypothesis in waiting:
            hypothesis.tried = False
        correction = np.eye(4)  # of the motion by odometry, which errs alike at all poses
        while waiting and not (scan.late and len(self.left) - len(waiting) >= FEWEST_COMPARED):
            hypothesis = waiting.pop(0)
            hypothesis.tried, hypothesis.compared = True, hypothesis.compared + 1
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
        self, hypotheses: list[PoseHypothesis], scan: Scan, views: Callable[[Array], list[View]]
    ) -> list[PoseHypothesis]:
        """Those that are left when what the scan says of them is taken in, once for each view and pose."""
        asked = [each for each in hypotheses if each.tried and self._view not in each.views]
        if asked and any(each.fits for each in hypotheses):
            seen = views(np.array([each.belief.T_map_base for each in asked]))
            of_fitting = [view.on_surface for each, view in zip(asked, seen, strict=True) if each.fits]
            self._best_on_surface = max([self._best_on_surface, *of_fitting])
            for hypothesis, view in zip(asked, seen, strict=True):
                hypothesis.see(self._view, view, self._best_on_surface, scan.cloud.resolution)
        kept = [each for each in hypotheses if not each.dropped]
        changed, judges = self._parameters.changed_places, [each for each in kept if each.fits]
        return [each for each in kept if not any(each.loses_to(judge, changed) for judge in judges)]

    @property
    def only(self) -> PoseHypothesis | None:
        """The one pose that is left; None while there may be others."""
        return self.left[0] if self.searched and len(self.left) == 1 and self.left[0].fits else None
