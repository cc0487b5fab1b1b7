"""Relocalisation, top to bottom: from a scan and a map to the pose of the robot, confirmed by further scans.

    lost       scan -> places that it may show (places.py, memory_places.py) -> registration with one after the other
               -> poses that it fits, and that the next scans fit too (pose_hypotheses.py)
               -> all of the map was searched, and one pose alone is left -> located
    located    scan -> pose by odometry -> refinement from there -> still confident? -> both fused (scan_pose.py)
               -> map -> odom; several scans in a row do not fit -> lost

A pose is confirmed by at least one further scan, and a scan that does not fit the map has no pose. In a place that
looks like another one, the robot stays lost until it has driven to where they differ.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from math import radians
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.parameters import check
from isometry.registration import calibration
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Reason as RegistrationReason
from isometry.registration.types import UnusableCloudError
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Place, Places, Scan
from isometry.relocalization.pose_hypotheses import PoseHypotheses, PoseHypothesis
from isometry.relocalization.scan_pose import Belief, ScanPose

MOST_THINNED = 40_000  # of a prepared scan: surfaces around a sensor have fewer
LAST_PLACE = 2.0  # the registration to a place is cut short after so many times the time limit of a scan
LEAST_DETERMINED = 0.5  # probability that the surfaces hold the pose
LOW_OVERLAP = 0.6  # share of the mean overlap; a scan that overlaps less may fit by chance
MOST_POINTS = 200_000  # of a scan; of more, every so many-th is used
OVERLAP_GAIN = 0.2  # weight of a scan in the running mean of the overlap

Reason = RegistrationReason | Literal["unconfirmed", "nothing_there", "jump"]


@dataclass(frozen=True)
class RelocalizationStep:
    """The result of one scan. It has a pose with covariance where `reason` is "ok".

    Reasons for no pose: "unconfirmed": further scans, or the rest of the map, must confirm the pose; "ambiguous":
    several poses fit all scans up to now, or the surfaces do not determine it; "nothing_there": the map has no points
    near the expected pose, or there is no place to search; "jump": the pose is too far from that by odometry; others
    are those of the registration; "out_of_time" also: not all of the places were searched.
    """

    located: bool  # false: the robot is lost
    reason: Reason
    T_map_base: Array | None  # (4,4)
    covariance: Array | None  # (6,6) x, y, z, roll, pitch, yaw of the base in the map; metres, radians
    T_map_odom: Array | None  # (4,4), None while lost
    began: bool  # this scan confirmed a pose: the robot was lost, or located elsewhere
    initial_pose_refused: bool  # the scan does not fit the map at the initial pose estimate
    confidence: float  # of the best pose of this scan, calibrated
    overlap: float  # of the scan with the map at that pose, 0 to 1
    searched: int  # places that the scan was compared with
    alternatives: Array = field(default_factory=lambda: np.empty((0, 4, 4)))  # (A,4,4) T_map_base that fit while lost
    left_out: int = 0  # points of the scan so far off all others that no sensor measured them
    seconds: float = 0.0


class _Proposal(NamedTuple):
    """A pose that further scans must confirm."""

    T_map_odom: Array
    scans: int  # that agree with it
    prior: Array  # (6,6) covariance before the first scan


class Relocalizer:
    """Finds a robot in a map, tracks its pose, and detects when it is lost.

    Odometry gives the motion from scan to scan; call `forget` when it starts again.
    """

    def __init__(self, registrar: Registrar, places: Places, parameters: RelocalizationParameters) -> None:
        """Raises ValueError for a parameter outside its range."""
        check(parameters)
        self.registrar, self.places, self.parameters = registrar, places, parameters
        self.forget()

    @property
    def located(self) -> bool:
        """Whether the robot's pose is known."""
        return self.T_map_odom is not None

    def forget(self) -> None:
        """Set the robot lost: it is searched for in all of the map from the next scan."""
        self.T_map_odom: Array | None = None
        self._last_T_map_odom: Array | None = None  # before the robot was lost: the search begins there
        self._proposal: _Proposal | None = None
        self._initial_pose: tuple[Array, float] | None = None
        self._hypotheses = PoseHypotheses()
        self._belief: Belief | None = None  # at the last scan while located
        self._T_odom_last = np.eye(4)  # base at that scan
        self._misses = self._searched = 0
        self._whole_round = True  # whether each place of this round through the map was compared to the end
        self._round_T_map_last: Array | None = None  # from where the places of this round are ordered
        self._overlap = 0.0  # running mean over the scans that fit

    def set_initial_pose(self, T_map_base: Array, radius: float) -> None:
        """Verify with the next scan that the robot is within `radius` metres of an estimate (4,4), at any heading."""
        self._initial_pose = (T_map_base, radius)

    def process(
        self,
        points: NDArray[np.floating],
        T_odom_base: Array,
        origin: NDArray[np.floating] | None = None,
        up: NDArray[np.floating] | None = None,
    ) -> RelocalizationStep:
        """One scan (N,3) in metres in the base frame, and the base in the odometry's frame (4,4).

        `origin` (3,) is the sensor's position in the base frame, `up` (3,) points against gravity where that is known.
        Raises UnusableCloudError for a scan that cannot be registered; nothing has changed then.
        """
        began_s = time.perf_counter()
        points = points[:: len(points) // MOST_POINTS + 1]
        cloud = prepare(points, self.registrar.parameters, np.zeros(3) if origin is None else origin, up)
        if len(cloud.points) > MOST_THINNED:
            raise UnusableCloudError(
                f"a scan has {len(cloud.points)} points {cloud.resolution:.2g} m apart: they fill space, as noise does"
            )
        scan = Scan(points, cloud, began_s, self.parameters.time_limit)
        initial_pose, self._initial_pose = self._initial_pose, None
        step = None
        if initial_pose is not None:
            step = self._verify_initial_pose(scan, T_odom_base, *initial_pose)
        elif self._proposal is not None:
            step = self._confirm(scan, T_odom_base, self._proposal)
        refused = initial_pose is not None and step is None
        if step is None:
            step = self._track(scan, T_odom_base) if self.located else self._search(scan, T_odom_base)
        left = [hypothesis.T_map_odom @ T_odom_base for hypothesis in self._hypotheses.left]
        step = replace(step, alternatives=np.array(left).reshape(-1, 4, 4))
        seconds = time.perf_counter() - began_s
        return replace(step, initial_pose_refused=refused, left_out=cloud.left_out, seconds=seconds)

    # Located.
    def _track(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Register the scan from the pose by odometry."""
        assert self._belief is not None
        expected = self._belief.moved(se3.inverse(self._T_odom_last) @ T_odom_base, self.parameters.odometry_drift)
        self._belief, self._T_odom_last = expected, T_odom_base
        found = self._refined(scan, expected.T_map_base)
        if found is not None and found.reason == "ok" and self._may_fit_by_chance(found):
            # refinement had one hypothesis; now the pose must be the best of all
            found = self._best_near(scan, expected)
        reason = _reason(found)
        if found is not None and reason == "ok":
            if not expected.contradicted(found, self._tolerance):
                self._belief, self._misses = expected.fused(found), 0
                self.T_map_odom = self._belief.T_map_base @ se3.inverse(T_odom_base)
                self._overlap += OVERLAP_GAIN * (found.registration.overlap - self._overlap)
                return self._step(found, "ok")
            reason = "jump"
        self._misses += 1
        if self._misses >= self.parameters.lost_after:
            self._last_T_map_odom, self.T_map_odom, self._searched = self.T_map_odom, None, 0
            self._hypotheses = PoseHypotheses()
        return self._step(found, reason)

    def _may_fit_by_chance(self, found: ScanPose) -> bool:
        """Whether the scan overlaps much less than those before it, or comes after one that did not fit."""
        return self._misses > 0 or found.registration.overlap < LOW_OVERLAP * self._overlap

    def _best_near(self, scan: Scan, expected: Belief) -> ScanPose | None:
        """The best pose of a scan around the expected one; where several fit alike, that near the expected one."""
        place = self.places.around(scan, expected.T_map_base)
        if place is None:
            return None
        found = self._registered(scan, place)
        return self._refined(scan, expected.T_map_base) if found.reason == "ambiguous" else found

    # Lost.
    def _search(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Follow the poses that are left, and look for more of them in the next few places of the map."""
        T_base_odom = se3.inverse(T_odom_base)
        followed = bool(self._hypotheses.left)
        self._hypotheses.follow(T_base_odom, partial(self._fitted, scan, T_odom_base), lambda: scan.late)
        if followed and not self._hypotheses.left:
            self._whole_round = False  # a place that was searched may be the right one after all
        done = self._hypotheses.searched or scan.late
        tried, all_searched = ([], False) if done else self._search_places(scan, T_odom_base)
        for found, place in tried:
            for T_map_base in self._explaining(found, place):
                hypothesis = PoseHypothesis(T_map_base @ T_base_odom)
                if found.reason == "ok":
                    hypothesis = PoseHypothesis(T_map_base @ T_base_odom, found, found.registration.evidence["score"])
                self._hypotheses.add(hypothesis, T_odom_base, self._agree)
        if all_searched:
            self._hypotheses.searched_all()
        only = self._hypotheses.only
        if only is not None and only.last is not None and only.scans > self.parameters.confirmations:
            if self._determined(only.last, scan):
                self._locate(Belief(only.last.T_map_base, only.last.covariance), only.last, T_odom_base)
                return replace(self._step(only.last, "ok", len(tried)), began=True)
            return self._step(only.last, "ambiguous", len(tried))
        best = max((found for found, _ in tried), key=lambda found: found.registration.confidence, default=None)
        if self._hypotheses.left:
            first = self._hypotheses.left[0].last
            several = len(self._hypotheses.left) > 1
            return self._step(first or best, "ambiguous" if several else "unconfirmed", len(tried))
        return self._step(best, "out_of_time" if scan.late else _reason(best), len(tried))

    def _search_places(self, scan: Scan, T_odom_base: Array) -> tuple[list[tuple[ScanPose, Place]], bool]:
        """The poses of the scan in the next few places, nearest to the last known pose first. Were they the last?"""
        T_map_last = None if self._last_T_map_odom is None else self._last_T_map_odom @ T_odom_base
        tried: list[tuple[ScanPose, Place]] = []
        all_searched = False
        for first in dict.fromkeys((self._searched, 0)):  # begin again when the last scan came to the end of the map
            if first == 0:  # the order of places stays the same for a round
                self._whole_round, self._round_T_map_last = True, T_map_last
            self._searched = first
            places = self.places.candidates(scan, self._round_T_map_last, first)
            for place in islice(places, self.parameters.searched_places):
                tried.append((self._registered(scan, place), place))
                self._whole_round &= tried[-1][0].reason != "out_of_time"
                self._searched += 1
                if scan.late:
                    return tried, False
            all_searched |= self._whole_round and len(tried) < self.parameters.searched_places and not scan.late
            if tried:
                break
        return tried, all_searched

    def _explaining(self, found: ScanPose, place: Place) -> list[Array]:
        """The poses (4,4) in the map that explain a scan: one, or where the registration is ambiguous, several."""
        if found.reason == "ok":
            return [found.T_map_base]
        if found.reason == "ambiguous":
            return [found.T_map_base, *(place.T_map_cloud @ found.registration.alternatives)]
        return []

    def _fitted(self, scan: Scan, T_odom_base: Array, T_map_odom: Array) -> ScanPose | None:
        """The pose of a scan near that by odometry; None where the scan does not fit there."""
        expected = T_map_odom @ T_odom_base
        found = self._refined(scan, expected)
        if found is None or found.reason != "ok" or not self._agree(expected, found.T_map_base):
            return None
        return found

    def _determined(self, found: ScanPose, scan: Scan) -> bool:
        return calibration.determined(found.covariance, scan.cloud.resolution) >= LEAST_DETERMINED

    def _verify_initial_pose(
        self, scan: Scan, T_odom_base: Array, T_map_initial: Array, radius: float
    ) -> RelocalizationStep | None:
        """Propose the pose of the scan around an initial estimate (4,4); None where the scan does not fit there."""
        place = self.places.around(scan, T_map_initial)
        if place is None:
            return None
        found = self._registered(scan, place)
        inside = [T for T in self._explaining(found, place) if np.linalg.norm((T - T_map_initial)[:3, 3]) <= radius]
        if found.reason == "ambiguous":  # the estimate decides
            refined = [self._refined(scan, T) for T in (inside if len(inside) == 1 else [T_map_initial])]
            found = next((pose for pose in refined if pose is not None and pose.reason == "ok"), found)
        if found.reason != "ok" or np.linalg.norm((found.T_map_base - T_map_initial)[:3, 3]) > radius:
            return None
        return self._propose(found, T_odom_base, 1, covariance.independent(radius, np.pi))

    def _confirm(self, scan: Scan, T_odom_base: Array, proposal: _Proposal) -> RelocalizationStep | None:
        """Propose again with one more scan that agrees; where it does not, drop the proposal and return None."""
        found = self._fitted(scan, T_odom_base, proposal.T_map_odom)
        if found is None:
            self._proposal = None
            return None
        return self._propose(found, T_odom_base, proposal.scans + 1, proposal.prior)

    def _propose(self, found: ScanPose, T_odom_base: Array, scans: int, prior: Array) -> RelocalizationStep:
        """Keep a pose that so many scans agree with as a proposal; with enough of them the robot is located."""
        T_map_odom = found.T_map_base @ se3.inverse(T_odom_base)
        if scans <= self.parameters.confirmations:
            self._proposal = _Proposal(T_map_odom, scans, prior)
            return self._step(found, "unconfirmed")
        self._locate(Belief(found.T_map_base, prior).fused(found), found, T_odom_base)
        return replace(self._step(found, "ok"), began=True)

    def _locate(self, belief: Belief, found: ScanPose, T_odom_base: Array) -> None:
        self._belief, self._T_odom_last = belief, T_odom_base
        self.T_map_odom, self._last_T_map_odom = belief.T_map_base @ se3.inverse(T_odom_base), None
        self._proposal, self._hypotheses = None, PoseHypotheses()
        self._misses, self._searched, self._overlap = 0, 0, found.registration.overlap

    # One registration.
    def _refined(self, scan: Scan, T_map_base: Array) -> ScanPose | None:
        """The pose refined from an initial one (4,4); None where the map has too few points."""
        place = self.places.around(scan, T_map_base)
        if place is None:
            return None
        T_cloud_base = se3.inverse(place.T_map_cloud) @ T_map_base
        return ScanPose.of(self.registrar.refine(place.cloud, scan.cloud, T_cloud_base), place)

    def _registered(self, scan: Scan, place: Place) -> ScanPose:
        """The pose by registration to a place; a confident one is then refined on the map around it."""
        deadline_s = scan.began_s + LAST_PLACE * scan.time_limit_s
        found = ScanPose.of(self.registrar.register(place.cloud, scan.cloud, deadline_s), place)
        if found.reason != "ok":
            return found
        refined = self._refined(scan, found.T_map_base)
        return found if refined is None else refined

    @property
    def _tolerance(self) -> tuple[float, float]:
        """Metres and radians by which scans may differ and still agree."""
        return self.parameters.confirm_distance, radians(self.parameters.confirm_angle_deg)

    def _agree(self, T_first: Array, T_second: Array) -> bool:
        """Whether two poses (4,4) differ by less than the parameters allow."""
        metres, angle = se3.distance(T_first, T_second)
        return metres <= self._tolerance[0] and angle <= self._tolerance[1]

    def _step(self, found: ScanPose | None, reason: Reason, searched: int = 1) -> RelocalizationStep:
        accepted = found if reason == "ok" else None
        return RelocalizationStep(
            located=self.located,
            reason=reason,
            T_map_base=None if accepted is None or self._belief is None else self._belief.T_map_base,
            covariance=None if accepted is None or self._belief is None else self._belief.covariance,
            T_map_odom=self.T_map_odom,
            began=False,
            initial_pose_refused=False,
            confidence=0.0 if found is None else found.registration.confidence,
            overlap=0.0 if found is None else found.registration.overlap,
            searched=searched,
        )


def _reason(found: ScanPose | None) -> Reason:
    """Why a pose is not accepted, or "ok"."""
    return "nothing_there" if found is None else found.registration.reason
