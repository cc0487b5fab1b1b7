"""map -> odom, which changes with some scans only and must be known at all times: sent on /tf by a timer."""

from __future__ import annotations

import threading

from isometry.nodes.runtime.lifecycle_node import PerceptionNode
from isometry.nodes.runtime.node_parameters import MapTransformParameters
from isometry.nodes.runtime.stamps import RESTART_NS
from isometry.nodes.runtime.transforms import Transform

LATEST_NS = (2**31 - 1) * 1_000_000_000
"""The last time that a stamp can hold."""


class MapToOdom:
    """T_map_odom as the last scan has left it: sent at once when it is set, and `transform_rate` times a second.

    Each is dated with the present (see `PerceptionNode.present_ns`) and `transform_tolerance` more, and is newer than
    the one before. None is sent while no messages arrive: then nobody knows whether it still holds.
    """

    def __init__(self, node: PerceptionNode[MapTransformParameters]) -> None:
        """Advertises on /tf until the node is cleaned up."""
        self._node, self._map_frame = node, node.own.map_frame
        self._tolerance_ns = round(node.own.transform_tolerance * 1e9)
        self._broadcaster = node.advertise_transforms()
        self._lock = threading.Lock()  # the worker sets, the executor repeats
        self._held: tuple[Transform, str] | None = None
        self._sent_ns: int | None = None
        node.repeat(1.0 / node.own.transform_rate, self._send)

    def set(self, T_map_odom: Transform | None, odom_frame: str) -> None:
        """Send this transform from now on; None: send none, as the robot is not located."""
        with self._lock:
            self._held = None if T_map_odom is None else (T_map_odom, odom_frame)
        self._send()

    def _send(self) -> None:
        with self._lock:
            present_ns = self._node.present_ns()
            if self._held is None or present_ns is None:
                return
            stamp_ns = present_ns + self._tolerance_ns
            if self._sent_ns is not None and 0 <= self._sent_ns - stamp_ns <= RESTART_NS:
                stamp_ns = self._sent_ns + 1
            if stamp_ns <= LATEST_NS:
                T_map_odom, odom_frame = self._held
                self._broadcaster.send(T_map_odom, self._map_frame, odom_frame, stamp_ns)
                self._sent_ns = stamp_ns
