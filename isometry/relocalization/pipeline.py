"""Relocalisation, top to bottom: a scan, a map, where the robot is in it, and whether that may be believed.

    lost       scan -> places that it may show (places.py, memory_places.py) -> registration with one after the other
               -> a confident pose -> the next scans agree with it -> located
    located    scan -> pose by odometry -> refinement there -> still confident? -> map -> odom
               -> several scans in a row do not fit -> lost

A place is never believed on a single scan, and no pose is given for a scan that does not fit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from math import radians
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.parameters import check
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.places import Place, Places, Scan

DOUBTFUL_OVERLAP = 0.6  # of the usual overlap: less of a scan that fits at all may fit by chance
OVERLAP_GAIN = 0.2  # by which each scan changes what is usual


@dataclass(frozen=True)
class RelocalizationStep:
    """What one scan told. Pose and covariance are there when the robot is located and this very scan says so."""

    located: bool  # false: the robot is lost
    reason: str  # "ok", "unconfirmed", or why the scan has no pose: "low_confidence", "nothing_there", "jump"
    T_map_base: Array | None  # (4,4)
    covariance: Array | None  # (6,6) x, y, z, roll, pitch, yaw of the base in the map; metres, radians
    T_map_odom: Array | None  # (4,4) None while lost
    began: bool  # with this scan the robot was found: it was lost, or thought to be elsewhere
    guess_refused: bool  # the scan does not fit the map where a guess says
    confidence: float  # of the best pose of this scan, calibrated
    overlap: float  # of the scan with the map there, 0 to 1
    searched: int  # places that the scan was compared with
    seconds: float = 0.0


class _Found(NamedTuple):
    """The best pose of one scan."""

    T_map_base: Array
    registration: Registration
    rotation: Array  # (3,3) from the piece of the map that the scan was registered to into the map

    @property
    def covariance(self) -> Array:
        """(6,6) along the axes of the map."""
        return covariance.rotated(self.registration.covariance, self.rotation)


class _Proposal(NamedTuple):
    """A place that further scans have yet to confirm."""

    T_map_odom: Array
    scans: int  # that agree


class Relocalizer:
    """Finds a robot in a map, follows it there, and notices when it is elsewhere.

    Odometry tells how it moves from scan to scan; when that starts again, call `forget`.
    """

    def __init__(self, registrar: Registrar, places: Places, parameters: RelocalizationParameters) -> None:
        """Raises ValueError on a parameter outside its range."""
        check(parameters)
        self.registrar, self.places, self.parameters = registrar, places, parameters
        self._preparation = registrar.parameters
        self.forget()

    @property
    def located(self) -> bool:
        """Whether the robot's place is known."""
        return self.T_map_odom is not None

    def forget(self) -> None:
        """Be lost: the next scans are searched for in all of the map."""
        self.T_map_odom: Array | None = None
        self._last_T_map_odom: Array | None = None  # before it was lost: it may be back where it was
        self._proposal: _Proposal | None = None
        self._guess: tuple[Array, float] | None = None
        self._misses = self._searched = 0
        self._overlap = 0.0  # of the scans that fit, lately

    def guess(self, T_map_base: Array, radius: float) -> None:
        """Try with the next scan whether the robot is within `radius` metres of a pose (4,4), whatever its heading."""
        self._guess = (T_map_base, radius)

    def process(
        self,
        points: NDArray[np.floating],
        T_odom_base: Array,
        origin: NDArray[np.floating] | None = None,
        up: NDArray[np.floating] | None = None,
    ) -> RelocalizationStep:
        """One scan (N,3) in metres in the base frame, and the base in the odometry's frame (4,4).

        `origin` (3,) is where the sensor is in the base frame, `up` (3,) points against gravity where that is known.
        Raises UnusableCloudError on a scan that cannot be registered; nothing has changed then.
        """
        began_s = time.perf_counter()
        cloud = prepare(points, self._preparation, np.zeros(3) if origin is None else origin, up)
        # one resolution for all scans, so that the map is prepared for it once
        self._preparation = replace(self._preparation, resolution=cloud.resolution)
        scan = Scan(points, cloud)
        guessed, self._guess = self._guess, None
        step = None
        if guessed is not None:
            step = self._try_guess(scan, T_odom_base, *guessed)
        elif self._proposal is not None:
            step = self._confirm(scan, T_odom_base, self._proposal)
        refused = guessed is not None and step is None
        if step is None:
            step = self._follow(scan, T_odom_base) if self.located else self._search(scan, T_odom_base)
        return replace(step, guess_refused=refused, seconds=time.perf_counter() - began_s)

    # Located.
    def _follow(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """The pose by odometry, corrected by what the scan shows."""
        assert self.T_map_odom is not None
        expected = self.T_map_odom @ T_odom_base
        found = self._refined(scan, expected)
        if found is not None and _reason(found) == "ok" and self._is_doubtful(found):
            # refined from one guess alone it is the best of one; now it has to be the best of all
            place = self.places.around(scan, expected)
            found = None if place is None else self._registered(scan, place)
        reason = _reason(found)
        if found is not None and reason == "ok":
            if self._agree(expected, found.T_map_base):
                self.T_map_odom, self._misses = found.T_map_base @ se3.inverse(T_odom_base), 0
                self._overlap += OVERLAP_GAIN * (found.registration.overlap - self._overlap)
                return self._told(found, "ok")
            reason = "jump"
        self._misses += 1
        if self._misses >= self.parameters.lost_after:
            self._last_T_map_odom, self.T_map_odom, self._searched = self.T_map_odom, None, 0
        return self._told(found, reason)

    def _is_doubtful(self, found: _Found) -> bool:
        """Whether the scan fits much worse than those before it, or comes after one that did not fit."""
        return self._misses > 0 or found.registration.overlap < DOUBTFUL_OVERLAP * self._overlap

    # Lost.
    def _search(self, scan: Scan, T_odom_base: Array) -> RelocalizationStep:
        """Compare the scan with the next few places of the map, from where the robot was last on."""
        near = None if self._last_T_map_odom is None else self._last_T_map_odom @ T_odom_base
        candidates = list(self.places.candidates(scan, near))
        self._searched = 0 if self._searched >= len(candidates) else self._searched
        tried: list[_Found] = []
        for place in islice(candidates, self._searched, self._searched + self.parameters.searched_places):
            tried.append(self._registered(scan, place))
            self._searched += 1
            if _reason(tried[-1]) == "ok":
                break
        best = max(tried, key=lambda found: found.registration.confidence, default=None)
        if best is None or _reason(best) != "ok":
            return self._told(best, _reason(best), len(tried))
        self._searched = 0
        return self._propose(best, T_odom_base, 1, len(tried))

    def _try_guess(self, scan: Scan, T_odom_base: Array, guess: Array, radius: float) -> RelocalizationStep | None:
        """A proposal where a guess says, or None where the scan does not fit."""
        place = self.places.around(scan, guess)
        found = None if place is None else self._registered(scan, place)
        if found is None or _reason(found) != "ok" or float(np.linalg.norm((found.T_map_base - guess)[:3, 3])) > radius:
            return None
        return self._propose(found, T_odom_base, 1, 1)

    def _confirm(self, scan: Scan, T_odom_base: Array, proposal: _Proposal) -> RelocalizationStep | None:
        """Whether another scan agrees with what was proposed; None, and the proposal forgotten, when it does not."""
        expected = proposal.T_map_odom @ T_odom_base
        found = self._refined(scan, expected)
        if found is None or _reason(found) != "ok" or not self._agree(expected, found.T_map_base):
            self._proposal = None
            return None
        return self._propose(found, T_odom_base, proposal.scans + 1, 1)

    def _propose(self, found: _Found, T_odom_base: Array, scans: int, searched: int) -> RelocalizationStep:
        """So many scans speak for a place by now; with enough of them the robot is there."""
        T_map_odom = found.T_map_base @ se3.inverse(T_odom_base)
        if scans <= self.parameters.confirmations:
            self._proposal = _Proposal(T_map_odom, scans)
            return self._told(found, "unconfirmed", searched)
        self.T_map_odom, self._last_T_map_odom, self._proposal = T_map_odom, None, None
        self._misses, self._searched, self._overlap = 0, 0, found.registration.overlap
        return replace(self._told(found, "ok", searched), began=True)

    # One registration.
    def _refined(self, scan: Scan, T_map_base: Array) -> _Found | None:
        """The pose near a guess (4,4); None where the map holds nothing."""
        place = self.places.around(scan, T_map_base)
        if place is None:
            return None
        T_cloud_base = se3.inverse(place.T_map_cloud) @ T_map_base
        return _found(self.registrar.refine(place.cloud, scan.cloud, T_cloud_base), place)

    def _registered(self, scan: Scan, place: Place) -> _Found:
        """The pose in a place, judged on what lies around it."""
        found = _found(self.registrar.register(place.cloud, scan.cloud), place)
        if _reason(found) != "ok":
            return found
        refined = self._refined(scan, found.T_map_base)
        return found if refined is None else refined

    def _agree(self, expected: Array, T_map_base: Array) -> bool:
        metres, angle = se3.distance(expected, T_map_base)
        return metres <= self.parameters.confirm_distance and angle <= radians(self.parameters.confirm_angle_deg)

    def _told(self, found: _Found | None, reason: str, searched: int = 1) -> RelocalizationStep:
        sure = found if reason == "ok" and self.located else None
        return RelocalizationStep(
            located=self.located,
            reason=reason,
            T_map_base=None if sure is None else sure.T_map_base,
            covariance=None if sure is None else sure.covariance,
            T_map_odom=self.T_map_odom,
            began=False,
            guess_refused=False,
            confidence=0.0 if found is None else found.registration.confidence,
            overlap=0.0 if found is None else found.registration.overlap,
            searched=searched,
        )


def _found(registration: Registration, place: Place) -> _Found:
    T_map_base = place.T_map_cloud @ registration.T_target_source
    return _Found(T_map_base, registration, place.T_map_cloud[:3, :3])


def _reason(found: _Found | None) -> str:
    """Why a pose is not believed, or "ok"."""
    return "nothing_there" if found is None else found.registration.reason
