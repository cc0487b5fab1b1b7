"""Relocalisation, top to bottom: from a scan and a map to the pose of the robot, confirmed by further scans.

    lost       scan -> places that it may show (places.py, memory_places.py) -> registration with one after the other
               -> a confident pose -> the next scans agree with it -> located
    located    scan -> pose by odometry -> refinement from there -> still confident? -> map -> odom
               -> several scans in a row do not fit -> lost

A pose is confirmed by at least one further scan, and a scan that does not fit the map has no pose.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from math import radians
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.parameters import check
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Reason as RegistrationReason
from isometry.registration.types import Registration, UnusableCloudError
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Place, Places, Scan

MOST_THINNED = 40_000  # of a prepared scan: surfaces around a sensor have fewer
LAST_PLACE = 2.0  # the registration to a place is cut short after so many times the time limit of a scan
LOW_OVERLAP = 0.6  # share of the mean overlap; a scan that overlaps less may fit by chance
MOST_POINTS = 200_000  # of a scan; of more, every so many-th is used
OVERLAP_GAIN = 0.2  # weight of a scan in the running mean of the overlap

Reason = RegistrationReason | Literal["unconfirmed", "nothing_there", "jump"]


@dataclass(frozen=True)
class RelocalizationStep:
    """The result of one scan. It has a pose with covariance where `reason` is "ok".

    Reasons for no pose: "unconfirmed": further scans must confirm the pose; "nothing_there": the map has no points near
    the expected pose, or there is no place to search; "jump": the pose is too far from that by odometry; others are
    those of the registration; "out_of_time" also: not all of the places were searched.
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
    left_out: int = 0  # points of the scan so far off all others that no sensor measured them
    seconds: float = 0.0


class _ScanPose(NamedTuple):
    """The registration of one scan as a pose in the map."""

    T_map_base: Array
    registration: Registration
    rotation: Array  # (3,3) from the place that the scan was registered to into the map

    @property
    def covariance(self) -> Array:
        """(6,6) along the axes of the map."""
        return covariance.rotated(self.registration.covariance, self.rotation)


class _Proposal(NamedTuple):
    """A pose that further scans must confirm."""

    T_map_odom: Array
    scans: int  # that agree with it


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
        self._misses = self._searched = 0
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
        seconds = time.perf_counter() - began_s
        return replace(step, initial_pose_refused=refused, left_out=cloud.left_out, seconds=seconds)

    # Located.
    def _track(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Register the scan from the pose by odometry."""
        assert self.T_map_odom is not None
        expected = self.T_map_odom @ T_odom_base
        found = self._refined(scan, expected)
        if found is not None and _reason(found) == "ok" and self._may_fit_by_chance(found):
            # refinement had one hypothesis; now the pose must be the best of all
            place = self.places.around(scan, expected)
            found = None if place is None else self._registered(scan, place)
        reason = _reason(found)
        if found is not None and reason == "ok":
            if self._agree(expected, found.T_map_base):
                self.T_map_odom, self._misses = found.T_map_base @ se3.inverse(T_odom_base), 0
                self._overlap += OVERLAP_GAIN * (found.registration.overlap - self._overlap)
                return self._step(found, "ok")
            reason = "jump"
        self._misses += 1
        if self._misses >= self.parameters.lost_after:
            self._last_T_map_odom, self.T_map_odom, self._searched = self.T_map_odom, None, 0
        return self._step(found, reason)

    def _may_fit_by_chance(self, found: _ScanPose) -> bool:
        """Whether the scan overlaps much less than those before it, or comes after one that did not fit."""
        return self._misses > 0 or found.registration.overlap < LOW_OVERLAP * self._overlap

    # Lost.
    def _search(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Register the scan to the next few places of the map, beginning with those nearest to the last known pose."""
        T_map_last = None if self._last_T_map_odom is None else self._last_T_map_odom @ T_odom_base
        tried: list[_ScanPose] = []
        for first in dict.fromkeys((self._searched, 0)):  # begin again when the last scan came to the end of the map
            self._searched = first
            for place in islice(self.places.candidates(scan, T_map_last, first), self.parameters.searched_places):
                tried.append(self._registered(scan, place))
                self._searched += 1
                if _reason(tried[-1]) == "ok" or scan.late:
                    break
            if tried:
                break
        best = max(tried, key=lambda found: found.registration.confidence, default=None)
        if best is None or _reason(best) != "ok":
            return self._step(best, "out_of_time" if scan.late else _reason(best), len(tried))
        self._searched = 0
        return self._propose(best, T_odom_base, 1, len(tried))

    def _verify_initial_pose(
        self, scan: Scan, T_odom_base: Array, T_map_initial: Array, radius: float
    ) -> RelocalizationStep | None:
        """Propose the pose of the scan around an initial estimate (4,4); None where the scan does not fit there."""
        place = self.places.around(scan, T_map_initial)
        found = None if place is None else self._registered(scan, place)
        if found is None or _reason(found) != "ok":
            return None
        if float(np.linalg.norm((found.T_map_base - T_map_initial)[:3, 3])) > radius:
            return None
        return self._propose(found, T_odom_base, 1, 1)

    def _confirm(self, scan: Scan, T_odom_base: Array, proposal: _Proposal) -> RelocalizationStep | None:
        """Propose again with one more scan that agrees; where it does not, drop the proposal and return None."""
        expected = proposal.T_map_odom @ T_odom_base
        found = self._refined(scan, expected)
        if found is None or _reason(found) != "ok" or not self._agree(expected, found.T_map_base):
            self._proposal = None
            return None
        return self._propose(found, T_odom_base, proposal.scans + 1, 1)

    def _propose(self, found: _ScanPose, T_odom_base: Array, scans: int, searched: int) -> RelocalizationStep:
        """Keep a pose that so many scans agree with as a proposal; with enough of them the robot is located."""
        T_map_odom = found.T_map_base @ se3.inverse(T_odom_base)
        if scans <= self.parameters.confirmations:
            self._proposal = _Proposal(T_map_odom, scans)
            return self._step(found, "unconfirmed", searched)
        self.T_map_odom, self._last_T_map_odom, self._proposal = T_map_odom, None, None
        self._misses, self._searched, self._overlap = 0, 0, found.registration.overlap
        return replace(self._step(found, "ok", searched), began=True)

    # One registration.
    def _refined(self, scan: Scan, T_map_base: Array) -> _ScanPose | None:
        """The pose refined from an initial one (4,4); None where the map has too few points."""
        place = self.places.around(scan, T_map_base)
        if place is None:
            return None
        T_cloud_base = se3.inverse(place.T_map_cloud) @ T_map_base
        return _in_map(self.registrar.refine(place.cloud, scan.cloud, T_cloud_base), place)

    def _registered(self, scan: Scan, place: Place) -> _ScanPose:
        """The pose by registration to a place; a confident one is then refined on the map around it."""
        found = _in_map(
            self.registrar.register(place.cloud, scan.cloud, scan.began_s + LAST_PLACE * scan.time_limit_s), place
        )
        if _reason(found) != "ok":
            return found
        refined = self._refined(scan, found.T_map_base)
        return found if refined is None else refined

    def _agree(self, expected: Array, T_map_base: Array) -> bool:
        """Whether two poses (4,4) differ by less than the parameters allow."""
        metres, angle = se3.distance(expected, T_map_base)
        return metres <= self.parameters.confirm_distance and angle <= radians(self.parameters.confirm_angle_deg)

    def _step(self, found: _ScanPose | None, reason: Reason, searched: int = 1) -> RelocalizationStep:
        accepted = found if reason == "ok" else None
        return RelocalizationStep(
            located=self.located,
            reason=reason,
            T_map_base=None if accepted is None else accepted.T_map_base,
            covariance=None if accepted is None else accepted.covariance,
            T_map_odom=self.T_map_odom,
            began=False,
            initial_pose_refused=False,
            confidence=0.0 if found is None else found.registration.confidence,
            overlap=0.0 if found is None else found.registration.overlap,
            searched=searched,
        )


def _in_map(registration: Registration, place: Place) -> _ScanPose:
    T_map_base = place.T_map_cloud @ registration.T_target_source
    return _ScanPose(T_map_base, registration, place.T_map_cloud[:3, :3])


def _reason(found: _ScanPose | None) -> Reason:
    """Why a pose is not accepted, or "ok"."""
    return "nothing_there" if found is None else found.registration.reason
