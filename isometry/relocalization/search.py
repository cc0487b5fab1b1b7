"""The search for a lost robot: from its scans to the one pose that explains them.

scan -> registration with one place of the map after the other, until one explains it
     -> rivals of that pose in all of the map (map_rivals.py)
     -> poses that the next scans fit too (pose_hypotheses.py) -> one alone is left
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration import calibration
from isometry.registration.types import Reason as RegistrationReason
from isometry.relocalization.map_registration import MapRegistration
from isometry.relocalization.map_rivals import MOST_RIVALS
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Place, Places, Scan
from isometry.relocalization.pose_hypotheses import PoseHypotheses, PoseHypothesis
from isometry.relocalization.scan_pose import ScanPose

LEAST_DETERMINED = 0.5  # probability that the surfaces hold the pose
FEW = 8  # poses that are left, up to which their rivals are looked for

Reason = RegistrationReason | Literal["unconfirmed", "nothing_there", "jump"]


class SearchStep(NamedTuple):
    """The result of one scan."""

    best: ScanPose | None  # its best pose; that of the robot where `reason` is "ok"
    reason: Reason
    searched: int  # places that the scan was compared with


class _Rivals(NamedTuple):
    """A search for rivals that goes on from scan to scan."""

    poses: Iterator[Array | None]  # (R,4,4) T_map_base at the scan that it began with, None while it goes on
    T_base_odom: Array  # (4,4) at that scan


class Search:
    """The places and poses that were tried since the robot was lost."""

    def __init__(
        self,
        places: Places,
        registration: MapRegistration,
        parameters: RelocalizationParameters,
        agree: Callable[[Array, Array], bool],
        T_map_odom_last: Array | None = None,
    ) -> None:
        """`agree` compares two poses (4,4); `T_map_odom_last` (4,4) is from before the robot was lost."""
        self._places, self._registration, self._parameters = places, registration, parameters
        self._agree, self._T_map_odom_last = agree, T_map_odom_last
        self._round_T_map_last: Array | None = None  # from where the places of this round are ordered
        self._searched = 0  # places of this round
        self._hypotheses = PoseHypotheses()
        self._rivals: _Rivals | None = None

    def left(self, T_odom_base: Array) -> list[Array]:
        """The poses (4,4) of the base in the map that are left."""
        return [hypothesis.T_map_odom @ T_odom_base for hypothesis in self._hypotheses.left]

    def process(self, scan: Scan, T_odom_base: Array) -> SearchStep:
        """Follow the poses that are left; without any, look for them in the next few places of the map."""
        T_base_odom = se3.inverse(T_odom_base)
        self._hypotheses.follow(T_base_odom, partial(self._fitted, scan, T_odom_base), lambda: scan.late)
        tried: list[ScanPose] = []
        if not self._hypotheses.left:
            self._rivals = None
            tried = self._search_places(scan, T_odom_base)
        self._search_rivals(scan, T_odom_base)
        only = self._hypotheses.only
        if only is not None and only.last is not None and only.scans > self._parameters.confirmations:
            reason: Reason = "ok" if self._determined(only.last, scan) else "ambiguous"
            return SearchStep(only.last, reason, len(tried))
        best = max(tried, key=lambda found: found.registration.confidence, default=None)
        if self._hypotheses.left:
            first = self._hypotheses.left[0].last
            several = len(self._hypotheses.left) > 1 or (first is not None and not self._determined(first, scan))
            return SearchStep(first or best, "ambiguous" if several else "unconfirmed", len(tried))
        return SearchStep(best, "out_of_time" if scan.late else reason_of(best), len(tried))

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
                for T_map_base in explaining(found, place):
                    self._add(T_map_base, T_odom_base, found if found.reason == "ok" else None)
                if self._hypotheses.left or scan.late:
                    return tried
            if tried:
                break
        return tried

    def _add(self, T_map_base: Array, T_odom_base: Array, found: ScanPose | None = None) -> None:
        """Add a pose that is left; `found`: by which registration, where that accepted it."""
        T_map_odom = T_map_base @ se3.inverse(T_odom_base)
        agreement = 0.0 if found is None else found.registration.evidence["score"]
        self._hypotheses.add(PoseHypothesis(T_map_odom, found, agreement), T_odom_base, self._agree)

    def _search_rivals(self, scan: Scan, T_odom_base: Array) -> None:
        """Go on with the search for rivals of the best pose in all of the map, as long as there is time."""
        best = next(iter(self._hypotheses.left), None)
        few = not self._hypotheses.searched and len(self._hypotheses.left) <= FEW
        if self._rivals is None and few and best is not None and best.last is not None:
            if self._determined(best.last, scan):  # else it would be its own rival, all along a tunnel
                poses = self._places.rivals(scan, best.last.T_map_base)
                self._rivals = _Rivals(poses, se3.inverse(T_odom_base))
        if self._rivals is None:
            return
        for rivals in self._rivals.poses:
            if rivals is not None:
                for T_map_base in rivals:  # where the robot was at the scan that the search began with
                    self._add(T_map_base, se3.inverse(self._rivals.T_base_odom))
                self._hypotheses.searched = len(rivals) < MOST_RIVALS
                self._rivals = None
                return
            if scan.late:
                return

    def _fitted(self, scan: Scan, T_odom_base: Array, T_map_odom: Array) -> ScanPose | None:
        """The pose of a scan near that by odometry; None where the scan does not fit there."""
        expected = T_map_odom @ T_odom_base
        found = self._registration.near(scan, expected)
        fits = found is not None and found.reason == "ok" and self._agree(expected, found.T_map_base)
        return found if fits else None

    def _determined(self, found: ScanPose, scan: Scan) -> bool:
        return calibration.determined(found.covariance, scan.cloud.resolution) >= LEAST_DETERMINED


def explaining(found: ScanPose, place: Place) -> list[Array]:
    """The poses (4,4) in the map that explain a scan: one, or where the registration is ambiguous, several."""
    if found.reason == "ok":
        return [found.T_map_base]
    if found.reason == "ambiguous":
        return [found.T_map_base, *(place.T_map_cloud @ found.registration.alternatives)]
    return []


def reason_of(found: ScanPose | None) -> Reason:
    """Why a pose is not accepted, or "ok"."""
    return "nothing_there" if found is None else found.registration.reason
