"""Mapping with places, without ROS: which scans become keyframes, which loops are closed, where odometry is in the map.

The node and the evaluation both use this class, so that what is measured is what runs on the robot.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import radians
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.parameters import check, parameter
from isometry.place_recognition.types import Observation, PlaceMatch

if TYPE_CHECKING:
    from isometry.place_recognition.pipeline import PlaceRecognizer
    from isometry.place_recognition.pose_graph import KeyframePoseGraph

Transform = Array  # (4,4)

# Metres back along the path to the keyframe that a new one is registered to: far enough that the drift of odometry is
# larger than the noise of the registration, near enough that both scans see the same sides of objects
NEIGHBOUR_METRES = 6.0
# Beside the last step, from where a robot at constant velocity would be: more is not one robot that drives on
CONTINUES_METRES, CONTINUES_RADIANS = 0.5, radians(30.0)


@dataclass(frozen=True)
class PlaceMapperParameters:
    """Which scans become keyframes, which earlier places may close a loop, and which matches must be confirmed."""

    mode: str = parameter(
        "mapping",
        "mapping: extend the memory and correct it; localization: never change it",
        choices=("mapping", "localization"),
    )
    keyframe_distance: float = parameter(2.0, "metres travelled until the next keyframe", 0.1, 1000.0)
    keyframe_angle_deg: float = parameter(45.0, "degrees turned until the next keyframe", 1.0, 180.0)
    loop_min_age: float = parameter(15.0, "seconds that a place must be old to close a loop", 0.0, 1e6)
    loop_min_travel: float = parameter(20.0, "metres to have travelled since a place to close a loop", 0.0, 1e6)
    loop_places: int = parameter(
        16, "mapping: distinct places verified for a scan of a located robot; without it recognition.places", 1, 100
    )
    confirm_jump: float = parameter(
        5.0, "localization: metres; a match that moves the robot further must be confirmed by the next one", 0.0, 1e6
    )
    lost_travel: float = parameter(
        100.0, "localization: metres travelled without an accepted match until lost", 1.0, 1e6
    )


@dataclass(frozen=True)
class MappingStep:
    """The result of one scan."""

    match: PlaceMatch  # as recognised, or refused with "unconfirmed_jump" or "inconsistent_with_map"
    keyframe: int | None  # identifier of the keyframe that the scan became
    T_map_odom: Transform | None  # None until located
    T_before_after: Transform  # motion of the robot in the map by the change of T_map_odom; identity without a change
    path_changed: bool  # keyframes were added or moved

    @property
    def jump_metres(self) -> float:
        """Length of `T_before_after`."""
        return float(np.linalg.norm(self.T_before_after[:3, 3]))

    @property
    def jump_radians(self) -> float:
        """Turn of `T_before_after`."""
        return se3.rotation_angle(self.T_before_after)


class PlaceMapper:
    """Recognises places in scans with odometry, corrects the poses of the keyframes, and tracks T_map_odom.

    An empty memory starts the map: map = odom. In a memory with keyframes the robot must be located first; until then
    T_map_odom is None and, in mapping mode, nothing is added. Scans that are not newer than the newest keyframe (a bag
    that starts again, a map of a later drive) are located in the map and never added to it.

    Where stamps run back but odometry goes on, the clock has been set back and mapping goes on. `T_map_odom` holds, and
    keyframes have the stamps that the clock would have given without that.
    """

    def __init__(
        self, recognizer: PlaceRecognizer, pose_graph: KeyframePoseGraph, parameters: PlaceMapperParameters
    ) -> None:
        """`pose_graph` must be empty. Raises ValueError naming a bad parameter."""
        check(parameters)
        self.recognizer, self.parameters = recognizer, parameters
        self._loop_recognizer = recognizer.limited_to(parameters.loop_places)
        self._graph, self._memory = pose_graph, recognizer.memory
        self._mapping = parameters.mode == "mapping"
        self.T_map_odom: Transform | None = None
        if self._mapping:
            for T_map_base in self._memory.poses:
                pose_graph.add_keyframe(T_map_base)
            if not len(self._memory):
                self.T_map_odom = np.eye(4)
        self._newest_ns: int | None = int(max(self._memory.stamps_ns)) if len(self._memory) else None
        self._earlier_ns = self._newest_ns  # newest stamp of the keyframes of earlier drives
        self._T_graph_odom = np.eye(4)  # odometry in the frame of earlier drives' keyframes
        self._T_odom_base: Transform | None = None  # of the previous scan
        self._T_odom_keyframe: Transform | None = None
        self._stamp_ns: int | None = None  # of the previous scan, in the time of the map
        self._set_back_ns = 0  # by how much the clock has been set back in this drive
        self._T_step = np.eye(4)  # the motion between the last two scans
        self._travelled = 0.0
        self._travelled_at_match = 0.0
        self._keyframe_stamps_ns: list[int] = []  # of this drive, with the distance travelled at each
        self._keyframe_travelled: list[float] = []
        self._T_map_odom_proposed: Transform | None = None
        self._unrelated: tuple[Observation, int] | None = None  # the newest keyframe, until `settle`

    @property
    def lost(self) -> bool:
        """Not located in the map, or (localization) too far travelled since the last accepted match."""
        if self.T_map_odom is None:
            return True
        since_match = self._travelled - self._travelled_at_match
        return not self._mapping and since_match > self.parameters.lost_travel

    @property
    def older_than_map_s(self) -> float:
        """By how many seconds the last scan is older than the newest keyframe, so that nothing is added; or 0."""
        if not self._mapping or self._stamp_ns is None or self._newest_ns is None:
            return 0.0
        return max(0.0, (self._newest_ns - self._stamp_ns) * 1e-9)

    def process(
        self,
        points: NDArray[np.floating],
        T_odom_base: Transform,
        stamp_ns: int,
        up: NDArray[np.floating] | None = None,
    ) -> MappingStep:
        """One scan (N,3) in metres in the base frame, its odometry, and optionally the direction (3,) of up.

        Call `settle` when the answer is out. Raises ValueError for a cloud that is no use; nothing has changed then.
        """
        self.settle()
        observation = self.recognizer.observe(points, up)
        stamp_ns = self._advance(T_odom_base, stamp_ns)
        extending = self._mapping and (self._newest_ns is None or stamp_ns > self._newest_ns)
        closes_loops = extending and self.T_map_odom is not None
        if closes_loops:
            match = self._loop_recognizer.recognise(observation, self._newest_candidate_ns(stamp_ns))
        else:
            match = self.recognizer.recognise(observation)

        before, keyframe = self.T_map_odom, None
        if match.accepted and not closes_loops and not self._locate(match, T_odom_base):
            match = replace(match, accepted=False, reason="unconfirmed_jump")
        if extending and self.T_map_odom is not None and self._is_keyframe(T_odom_base):
            keyframe = self._add_keyframe(observation, T_odom_base, stamp_ns)
            self._unrelated = observation, keyframe
            if match.accepted and not self._close_loop(match, keyframe, T_odom_base):
                match = replace(match, accepted=False, reason="inconsistent_with_map")
        if match.accepted:
            match = self._in_corrected_map(match)
            self._travelled_at_match = self._travelled
        T_before_after = _robot_motion(before, self.T_map_odom, T_odom_base)
        return MappingStep(match, keyframe, self.T_map_odom, T_before_after, path_changed=keyframe is not None)

    def _advance(self, T_odom_base: Transform, stamp_ns: int) -> int:
        """Add to the distance travelled; returns the stamp in the time of the map.

        Where stamps run back with odometry, as in a bag that starts again, the robot is not located any more.
        """
        stamp_ns += self._set_back_ns
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            if self._continues(T_odom_base):
                self._set_back_ns += self._stamp_ns + 1 - stamp_ns
                stamp_ns = self._stamp_ns + 1
            else:
                stamp_ns -= self._set_back_ns
                self._restart()
        if self._T_odom_base is not None:
            self._T_step = se3.inverse(self._T_odom_base) @ T_odom_base
            self._travelled += float(np.linalg.norm(self._T_step[:3, 3]))
        self._T_odom_base, self._stamp_ns = T_odom_base.copy(), stamp_ns
        return stamp_ns

    def _continues(self, T_odom_base: Transform) -> bool:
        """Whether odometry is that of the same drive a scan or two later, at about constant velocity."""
        if self._T_odom_base is None:
            return False
        metres, angle = se3.distance(self._T_odom_base @ self._T_step, T_odom_base)
        step_metres = float(np.linalg.norm(self._T_step[:3, 3]))
        return metres <= CONTINUES_METRES + step_metres and angle <= CONTINUES_RADIANS

    def _restart(self) -> None:
        self._T_odom_base = self._T_odom_keyframe = self._T_map_odom_proposed = None
        self._set_back_ns = 0
        if len(self._memory):
            self.T_map_odom = None
            self._earlier_ns = self._newest_ns
            self._keyframe_stamps_ns, self._keyframe_travelled = [], []

    def _newest_candidate_ns(self, stamp_ns: int) -> int:
        """Stamp of the newest keyframe that is old enough, and far enough back along the path, to close a loop."""
        count = bisect_right(self._keyframe_travelled, self._travelled - self.parameters.loop_min_travel)
        if count:
            newest = self._keyframe_stamps_ns[count - 1]
        else:
            newest = np.iinfo(np.int64).min if self._earlier_ns is None else self._earlier_ns
        return int(min(newest, stamp_ns - round(self.parameters.loop_min_age * 1e9)))

    def _is_keyframe(self, T_odom_base: Transform) -> bool:
        if self._T_odom_keyframe is None:
            return True
        metres, angle = se3.distance(self._T_odom_keyframe, T_odom_base)
        return metres >= self.parameters.keyframe_distance or angle >= radians(self.parameters.keyframe_angle_deg)

    def _add_keyframe(self, observation: Observation, T_odom_base: Transform, stamp_ns: int) -> int:
        assert self.T_map_odom is not None
        keyframe = self.recognizer.add_keyframe(observation, self.T_map_odom @ T_odom_base, stamp_ns)
        self._graph.add_keyframe(self._T_graph_odom @ T_odom_base)
        self._T_odom_keyframe, self._newest_ns = T_odom_base.copy(), stamp_ns
        self._keyframe_stamps_ns.append(stamp_ns)
        self._keyframe_travelled.append(self._travelled)
        return keyframe

    def settle(self) -> None:
        """Do what the answer for the last scan does not need; else it is done at the next scan.

        This is to register a new keyframe with one a few metres back. The next optimisation of the graph includes it.
        """
        if self._unrelated is None:
            return
        (observation, keyframe), self._unrelated = self._unrelated, None
        count = bisect_right(self._keyframe_travelled, self._travelled - NEIGHBOUR_METRES)
        if not count:
            return
        neighbour = keyframe + count - len(self._keyframe_travelled)
        match = self.recognizer.relate(observation, neighbour, self._memory.poses[keyframe])
        if match.accepted:
            assert match.T_keyframe_query is not None
            assert match.covariance is not None
            self._graph.add_neighbour(neighbour, keyframe, match.T_keyframe_query, match.covariance)

    def _close_loop(self, match: PlaceMatch, keyframe: int, T_odom_base: Transform) -> bool:
        """Whether the graph accepts the loop; then poses and T_map_odom are corrected."""
        assert match.keyframe is not None
        assert match.T_keyframe_query is not None
        assert match.covariance is not None
        if not self._graph.add_loop(match.keyframe, keyframe, match.T_keyframe_query, match.covariance):
            return False
        T_map_keyframes = self._graph.optimise()
        self._memory.set_poses(T_map_keyframes)
        self.T_map_odom = T_map_keyframes[keyframe] @ se3.inverse(T_odom_base)
        return True

    def _locate(self, match: PlaceMatch, T_odom_base: Transform) -> bool:
        """Whether T_map_odom is set by an accepted match; the next match must confirm one that moves the robot far."""
        assert match.T_map_query is not None
        T_map_odom = match.T_map_query @ se3.inverse(T_odom_base)
        confirmed = self.T_map_odom is None or any(
            earlier is not None and self._within_jump(earlier, T_map_odom, T_odom_base)
            for earlier in (self.T_map_odom, self._T_map_odom_proposed)
        )
        self._T_map_odom_proposed = T_map_odom
        if confirmed:
            self.T_map_odom = self._T_graph_odom = T_map_odom
        return confirmed

    def _within_jump(self, earlier: Transform, T_map_odom: Transform, T_odom_base: Transform) -> bool:
        """Whether a change of T_map_odom from `earlier` moves the robot too little to need a confirmation."""
        moved = _robot_motion(earlier, T_map_odom, T_odom_base)[:3, 3]
        return bool(np.linalg.norm(moved) <= self.parameters.confirm_jump)

    def _in_corrected_map(self, match: PlaceMatch) -> PlaceMatch:
        """The match with its pose in the map as the last optimisation has corrected it."""
        assert match.keyframe is not None
        assert match.T_keyframe_query is not None
        T_map_keyframe = self._memory.poses[match.keyframe]
        return replace(match, T_map_query=T_map_keyframe @ match.T_keyframe_query)


def _robot_motion(
    T_map_odom_before: Transform | None, T_map_odom_after: Transform | None, T_odom_base: Transform
) -> Transform:
    """T_before_after (4,4) of a robot at `T_odom_base` by a change of T_map_odom.

    It is exactly the identity where nothing changed, and where the robot was not located before or is not any more.
    """
    if T_map_odom_before is None or T_map_odom_after is None or np.array_equal(T_map_odom_before, T_map_odom_after):
        return np.eye(4)
    return se3.inverse(T_map_odom_before @ T_odom_base) @ T_map_odom_after @ T_odom_base
