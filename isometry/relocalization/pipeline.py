"""Relocalisation, top to bottom: from a scan and a map to the pose of the robot, confirmed by further scans.

    lost       scan -> places that it may show (places.py, memory_places.py) -> registration with one after the other
               -> a pose, and its rivals in all of the map -> further scans leave one alone (search.py) -> located
    located    scan -> pose by odometry -> refinement from there -> still confident? -> both fused (scan_pose.py)
               -> map -> odom; several scans in a row do not fit -> lost

A pose is confirmed by at least one further scan, and a scan that does not fit the map has no pose. In a place that
looks like another one, the robot stays lost until it has driven to where they differ.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.parameters import check
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import UnusableCloudError
from isometry.relocalization.map_registration import MapRegistration
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Places
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import Belief, ScanPose
from isometry.relocalization.search import Reason, Search, alike, reason_of

MOST_THINNED = 40_000  # of a prepared scan: surfaces around a sensor have fewer
LOW_OVERLAP = 0.6  # share of the mean overlap; a scan that overlaps less may fit by chance
MOST_POINTS = 200_000  # of a scan; of more, every so many-th is used
OVERLAP_GAIN = 0.2  # weight of a scan in the running mean of the overlap


@dataclass(frozen=True)
class RelocalizationStep:
    """The result of one scan. It has a pose with covariance where `reason` is "ok".

    Reasons for no pose: "unconfirmed": further scans, or the search for rivals in all of the map, must confirm the
    pose; "ambiguous": several poses fit all scans up to now, or the surfaces do not determine it; "nothing_there": the
    map has no points near the expected pose, or there is no place to search; "jump": the pose is too far from that by
    odometry; others are those of the registration; "out_of_time" also: not all of the places were searched.
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
        self.registration = MapRegistration(registrar, places)
        self.forget()

    @property
    def located(self) -> bool:
        """Whether the robot's pose is known."""
        return self.T_map_odom is not None

    def forget(self) -> None:
        """Set the robot lost: it is searched for in all of the map from the next scan."""
        self.T_map_odom: Array | None = None
        self._search = self._new_search(None)
        self._proposal: _Proposal | None = None
        self._initial_pose: tuple[Array, float] | None = None
        self._belief: Belief | None = None  # at the last scan while located
        self._T_odom_last = np.eye(4)  # base at that scan
        self._misses = 0
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
            step = self._track(scan, T_odom_base) if self.located else self._find(scan, T_odom_base)
        left = [] if self.located else self._search.left
        step = replace(step, alternatives=np.array(left).reshape(-1, 4, 4))
        seconds = time.perf_counter() - began_s
        return replace(step, initial_pose_refused=refused, left_out=cloud.left_out, seconds=seconds)

    # Located.
    def _track(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Register the scan from the pose by odometry."""
        assert self._belief is not None
        expected = self._belief.moved(se3.inverse(self._T_odom_last) @ T_odom_base, self.parameters.odometry_drift)
        self._belief, self._T_odom_last = expected, T_odom_base
        found = self.registration.near(scan, expected.T_map_base)
        if found is not None and found.reason == "ok" and self._may_fit_by_chance(found):
            # refinement had one hypothesis; now the pose must be the best of all
            found = self._best_near(scan, expected)
        reason = reason_of(found)
        if found is not None and reason == "ok":
            if not expected.contradicted(found, self.parameters.tolerance):
                self._belief, self._misses = expected.fused(found), 0
                self.T_map_odom = self._belief.T_map_base @ se3.inverse(T_odom_base)
                self._overlap += OVERLAP_GAIN * (found.registration.overlap - self._overlap)
                return self._step(found, "ok")
            reason = "jump"
        self._misses += 1
        if self._misses >= self.parameters.lost_after:
            self._search, self.T_map_odom = self._new_search(self.T_map_odom), None
        return self._step(found, reason)

    def _may_fit_by_chance(self, found: ScanPose) -> bool:
        """Whether the scan overlaps much less than those before it, or comes after one that did not fit."""
        return self._misses > 0 or found.registration.overlap < LOW_OVERLAP * self._overlap

    def _best_near(self, scan: Scan, expected: Belief) -> ScanPose | None:
        """The best pose of a scan around the expected one; where several fit alike, that near the expected one."""
        found = self.registration.around(scan, expected.T_map_base)
        ambiguous = found is not None and found.reason == "ambiguous"
        return self.registration.near(scan, expected.T_map_base) if ambiguous else found

    # Lost.
    def _find(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Search for the robot; it is located once one pose alone explains its scans."""
        best, reason, searched, belief = self._search.process(scan, T_odom_base)
        if best is None or belief is None:
            return self._step(best, reason, searched)
        self._locate(belief, best, T_odom_base)
        return replace(self._step(best, "ok", searched), began=True)

    def _new_search(self, T_map_odom_last: Array | None) -> Search:
        return Search(self.places, self.registration, self.parameters, T_map_odom_last)

    def _verify_initial_pose(
        self, scan: Scan, T_odom_base: Array, T_map_initial: Array, radius: float
    ) -> RelocalizationStep | None:
        """Propose the pose of the scan around an initial estimate (4,4); None where the scan does not fit there."""
        place = self.places.around(scan, T_map_initial)
        if place is None:
            return None
        found = self.registration.in_place(scan, place)
        inside = [T for T in alike(found, place) if np.linalg.norm((T - T_map_initial)[:3, 3]) <= radius]
        if found.reason == "ambiguous":  # the estimate decides
            refined = [self.registration.near(scan, T) for T in (inside if len(inside) == 1 else [T_map_initial])]
            found = next((pose for pose in refined if pose is not None and pose.reason == "ok"), found)
        if found.reason != "ok" or np.linalg.norm((found.T_map_base - T_map_initial)[:3, 3]) > radius:
            return None
        return self._propose(found, T_odom_base, 1, covariance.independent(radius, np.pi))

    def _confirm(self, scan: Scan, T_odom_base: Array, proposal: _Proposal) -> RelocalizationStep | None:
        """Propose again with one more scan that agrees; where it does not, drop the proposal and return None."""
        expected = proposal.T_map_odom @ T_odom_base
        found = self.registration.near(scan, expected)
        if found is None or found.reason != "ok" or not self.parameters.agree(expected, found.T_map_base):
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
        self.T_map_odom, self._proposal = belief.T_map_base @ se3.inverse(T_odom_base), None
        self._search = self._new_search(None)
        self._misses, self._overlap = 0, found.registration.overlap

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
