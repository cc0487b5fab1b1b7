"""A tree of time-stamped transforms, without ROS: interpolation between samples, never beyond them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.nodes.runtime.stamps import RESTART_NS

Transform = Array  # (4,4)
KEPT_NS = 10_000_000_000


class TransformError(LookupError):
    """A transform that is not known; the message names it, and those that are known."""


@dataclass
class _Edge:
    """The motion of a frame in its parent: samples sorted by time, or one sample for all times."""

    parent: str
    static: bool
    stamps_ns: list[int] = field(default_factory=list)
    transforms: list[Transform] = field(default_factory=list)


class TransformBuffer:
    """Transforms by child frame, as /tf brings them; safe to fill and to read from different threads.

    Samples older than `KEPT_NS` before the newest one are forgotten. A sample more than `RESTART_NS` older than the
    newest one of its frame means that time starts again (a bag that loops): the frame's earlier samples are forgotten.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}
        self._changed = threading.Condition(threading.RLock())

    def insert(self, parent: str, child: str, T_parent_child: Transform, stamp_ns: int, static: bool = False) -> None:
        """Add a sample. Raises ValueError for a frame in itself, an empty name or a transform that is not finite."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        if not parent or not child or parent == child:
            raise ValueError(f"transform from {child!r} to {parent!r} does not join two frames")
        if not np.isfinite(T_parent_child).all():
            raise ValueError(f"transform from {child!r} to {parent!r} is not finite")
        with self._changed:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.static != static or static:
                edge = self._edges[child] = _Edge(parent, static)
            if edge.stamps_ns and stamp_ns < edge.stamps_ns[-1] - RESTART_NS:
                edge.stamps_ns, edge.transforms = [], []
            position = bisect_left(edge.stamps_ns, stamp_ns)
            if position < len(edge.stamps_ns) and edge.stamps_ns[position] == stamp_ns:
                edge.transforms[position] = T_parent_child
            else:
                edge.stamps_ns.insert(position, stamp_ns)
                edge.transforms.insert(position, T_parent_child)
            expired = bisect_left(edge.stamps_ns, edge.stamps_ns[-1] - KEPT_NS)
            del edge.stamps_ns[:expired], edge.transforms[:expired]
            self._changed.notify_all()

    def lookup(self, target: str, source: str, stamp_ns: int) -> Transform:
        """T_target_source at a time. Raises TransformError when the frames are not joined or not known at that time."""
        target, source = target.lstrip("/"), source.lstrip("/")
        with self._changed:
            from_source = list(self._ancestors(source))
            from_target = list(self._ancestors(target))
            common = next((frame for frame in from_source if frame in from_target), None)
            if common is None:
                raise TransformError(f"no transform joins {source!r} and {target!r} ({self._known()})")
            T_common_source = self._chain(source, common, stamp_ns)
            T_common_target = self._chain(target, common, stamp_ns)
        return se3.inverse(T_common_target) @ T_common_source

    def wait(self, target: str, source: str, stamp_ns: int, timeout_s: float) -> Transform:
        """As `lookup`, but waits up to `timeout_s` seconds for samples that are still on their way."""
        found: list[Transform] = []
        failure = TransformError("")

        def known() -> bool:
            nonlocal failure
            try:
                found.append(self.lookup(target, source, stamp_ns))
            except TransformError as error:
                failure = error
            return bool(found)

        with self._changed:
            self._changed.wait_for(known, timeout_s)
        if not found:
            raise failure
        return found[0]

    def _ancestors(self, frame: str) -> Iterator[str]:
        seen: set[str] = set()
        while frame not in seen:
            seen.add(frame)
            yield frame
            if frame not in self._edges:
                return
            frame = self._edges[frame].parent
        raise TransformError(f"the transform tree has a loop at {frame!r}")

    def _chain(self, frame: str, ancestor: str, stamp_ns: int) -> Transform:
        T_ancestor_frame = np.eye(4)
        while frame != ancestor:
            edge = self._edges[frame]
            T_ancestor_frame = _sample(frame, edge, stamp_ns) @ T_ancestor_frame
            frame = edge.parent
        return T_ancestor_frame

    def _known(self) -> str:
        edges = ", ".join(f"{edge.parent}->{child}" for child, edge in sorted(self._edges.items()))
        return f"known: {edges}" if edges else "nothing is known yet"


def interpolate(before: Transform, after: Transform, fraction: float) -> Transform:
    """Transform between two (4,4): straight in translation, at constant turn rate in rotation."""
    rotation = Slerp([0.0, 1.0], Rotation.from_matrix([before[:3, :3], after[:3, :3]]))(fraction).as_matrix()
    return se3.from_rotation_translation(rotation, (1.0 - fraction) * before[:3, 3] + fraction * after[:3, 3])


def _sample(child: str, edge: _Edge, stamp_ns: int) -> Transform:
    if edge.static:
        return edge.transforms[0]
    position = bisect_left(edge.stamps_ns, stamp_ns)
    if position < len(edge.stamps_ns) and edge.stamps_ns[position] == stamp_ns:
        return edge.transforms[position]
    if position in (0, len(edge.stamps_ns)):
        nearest = edge.stamps_ns[0] if position == 0 else edge.stamps_ns[-1]
        away = abs(stamp_ns - nearest) * 1e-9
        side = "before the oldest" if position == 0 else "after the newest"
        raise TransformError(f"{edge.parent}->{child} is asked for {away:.3f} s {side} sample")
    earlier, later = edge.stamps_ns[position - 1], edge.stamps_ns[position]
    fraction = (stamp_ns - earlier) / (later - earlier)
    return interpolate(edge.transforms[position - 1], edge.transforms[position], fraction)
