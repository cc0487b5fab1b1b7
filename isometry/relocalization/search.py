"""The search for a lost robot: from its scans to the one pose that explains them.

scan -> registration with one place of the map after the other, until one explains it
     -> rivals of that pose in all of the map (map_rivals.py)
     -> poses that the next scans fit too (pose_hypotheses.py) -> one alone is left
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Reason as RegistrationReason
from isometry.relocalization.map_registration import MapRegistration
from isometry.relocalization.map_rivals import Rivals
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Place, Places
from isometry.relocalization.pose_hypotheses import PoseHypotheses, PoseHypothesis
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import Belief, ScanPose

FEW = 8  # poses that are left, up to which their rivals are looked for; among more, further ones decide nothing
FURTHEST_START_METRES = 3.0  # of an alignment from where a pose is expected
FEWEST_PARTS = 6  # of that search, with each scan: where the robot drives on, rivals of long ago are hard to find again

Reason = RegistrationReason | Literal["unconfirmed", "nothing_there", "jump"]


class SearchStep(NamedTuple):
    """The result of one scan."""

    best: ScanPose | None  # its best pose
    reason: Reason
    searched: int  # places that the scan was compared with
    belief: Belief | None = None  # in the pose of the robot, where `reason` is "ok"


class _RivalSearch(NamedTuple):
    """A search for rivals that goes on from scan to scan."""

    rivals: Iterator[Rivals | None]  # at the scan that it began with; None while it goes on
    T_odom_base: Array  # (4,4) at that scan


class Search:
    """The places and poses that were tried since the robot was lost."""

    def __init__(
        self,
        places: Places,
        registration: MapRegistration,
        parameters: RelocalizationParameters,
        T_map_odom_last: Array | None = None,
    ) -> None:
        """`T_map_odom_last` (4,4) is from before the robot was lost."""
        self._places, self._registration, self._parameters = places, registration, parameters
        self._T_map_odom_last = T_map_odom_last
        self._T_odom_last: Array | None = None  # base at the last scan
        self._round_T_map_last: Array | None = None  # from where the places of this round are ordered
        self._searched = 0  # places of this round
        self._hypotheses = PoseHypotheses(parameters)
        self._rivals: _RivalSearch | None = None

    @property
    def left(self) -> list[Array]:
        """The poses (4,4) of the base in the map that are left."""
        return [hypothesis.belief.T_map_base for hypothesis in self._hypotheses.left]

    def process(self, scan: Scan, T_odom_base: Array) -> SearchStep:
        """Follow the poses that are left; without one to rely on, look for it in the next few places of the map."""
        T_odom_last = T_odom_base if self._T_odom_last is None else self._T_odom_last
        self._T_odom_last = T_odom_base
        T_before_after = se3.inverse(T_odom_last) @ T_odom_base
        self._hypotheses.follow(T_before_after, scan, partial(self._near, scan), partial(self._places.views, scan))
        if not self._hypotheses.left:
            self._rivals = None
        tried: list[ScanPose] = []
        if not self._hypotheses.searched and self._rivals is None:
            if self._best_determined is None:
                tried = self._search_places(scan, T_odom_base)
            self._begin_rivals(scan, T_odom_base)
        self._search_rivals(scan, T_odom_base)
        only = self._hypotheses.only
        if only is not None and only.scans > self._parameters.confirmations and only.determined:
            return SearchStep(only.last, "ok", len(tried), only.belief)
        best = max(tried, key=lambda found: found.registration.confidence, default=None)
        if self._hypotheses.left:
            first, *others = self._hypotheses.left
            ambiguous = bool(others) or not first.determined
            return SearchStep(first.last or best, "ambiguous" if ambiguous else "unconfirmed", len(tried))
        return SearchStep(best, "out_of_time" if scan.late else reason_of(best), len(tried))

    def _near(self, scan: Scan, belief: Belief) -> ScanPose | None:
        """The pose of a scan near a belief; None where the map has too few points.

        Along a corridor odometry drifts out of the reach of an alignment. Where the scan does not fit, it is also tried
        a standard deviation ahead and back.
        """
        variances, axes = np.linalg.eigh(belief.covariance[:3, :3])
        sigma, found = float(np.sqrt(variances[-1])), []
        for step in (0.0, sigma, -sigma) if sigma < FURTHEST_START_METRES else (0.0,):
            T_map_base = belief.T_map_base.copy()
            T_map_base[:3, 3] += step * axes[:, -1]
            near = self._registration.near(scan, T_map_base)
            if near is not None:
                found.append(near)
                if near.reason == "ok" and self._overlaps(near):
                    break
        return max(found, key=lambda near: (near.reason == "ok", near.registration.confidence), default=None)

    def _overlaps(self, found: ScanPose) -> bool:
        return found.registration.overlap >= self._parameters.least_overlap

    def _search_places(self, scan: Scan, T_odom_base: Array) -> list[ScanPose]:
        """The poses of the scan in the next few places, nearest to the last known pose first, until one explains it."""
        T_map_last = None if self._T_map_odom_last is None else self._T_map_odom_last @ T_odom_base
        tried: list[ScanPose] = []
        for first in dict.fromkeys((self._searched, 0)):  # begin again when the last scan came to the end of the map
            if first == 0:  # the order of places stays the same for a round
                self._round_T_map_last = T_map_last
            self._searched = first
            places = self._places.candidates(scan, self._round_T_map_last, first)
            for place in islice(places, self._parameters.searched_places):
                found = self._registration.in_place(scan, place)
                tried.append(found)
                self._searched += 1
                if self._overlaps(found):
                    self._take(found, place)
                if scan.late or self._best_determined is not None:
                    return tried
            if tried:
                break
        return tried

    def _take(self, found: ScanPose, place: Place) -> None:
        """Follow the poses in a place that explain the scan."""
        if found.reason == "ok":
            self._hypotheses.add(found)
        for T_map_base in alike(found, place):
            self._hypotheses.add_unchecked(T_map_base, np.eye(4))

    @property
    def _best_determined(self) -> PoseHypothesis | None:
        """The best pose that is left of those that the surfaces determine."""
        return next((hypothesis for hypothesis in self._hypotheses.left if hypothesis.determined), None)

    def _begin_rivals(self, scan: Scan, T_odom_base: Array) -> None:
        """Begin to look for rivals of the best pose, if there is one, in all of the map."""
        best = self._best_determined  # another one would be its own rival, all along a tunnel
        if best is not None and len(self._hypotheses.left) <= FEW:
            rivals = self._places.rivals(scan, best.belief.T_map_base, self._parameters.changed_places)
            self._rivals = _RivalSearch(rivals, T_odom_base)

    def _search_rivals(self, scan: Scan, T_odom_base: Array) -> None:
        """Go on with the search for rivals, as long as there is time, but for some parts at least."""
        search, self._rivals = self._rivals, None
        if search is None:
            return
        for part, rivals in enumerate(search.rivals, start=1):
            if rivals is not None:
                T_then_now = se3.inverse(search.T_odom_base) @ T_odom_base
                for T_map_base in rivals.poses:
                    self._hypotheses.add_unchecked(T_map_base, T_then_now)
                self._hypotheses.searched = rivals.complete
            elif scan.late and part >= FEWEST_PARTS:
                self._rivals = search
                return


def alike(found: ScanPose, place: Place) -> list[Array]:
    """The poses (4,4) in the map that explain a scan alike, where the registration is ambiguous."""
    if found.reason != "ambiguous":
        return []
    return [found.T_map_base, *(place.T_map_cloud @ found.registration.alternatives)]


def reason_of(found: ScanPose | None) -> Reason:
    """Why a pose is not accepted, or "ok"."""
    return "nothing_there" if found is None else found.registration.reason
