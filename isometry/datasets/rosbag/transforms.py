"""The transforms of a bag: a tree of frames over time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import TRANSFORMS, ros2_name
from isometry.datasets.rosbag.reader import StampedPoses, open_bag, stamp_ns_of_header, to_matrix
from isometry.geometry import se3

TOPICS = ("/tf", "/tf_static")


def transform_topics(types: Mapping[str, str]) -> list[str]:
    """The topics out of `TOPICS` that a bag with such types has, or those of its one namespace (/robot/tf)."""
    own = [topic for topic in TOPICS if topic in types]
    ends = [topic for topic, kind in types.items() if kind == TRANSFORMS and topic.endswith(TOPICS)]
    one_namespace = len({topic.rpartition("/")[0] for topic in ends}) == 1
    return own or (sorted(ends) if one_namespace else [])


@dataclass(frozen=True)
class BagTransforms:
    """The pose of each frame in its parent; a static one has a single sample, which holds at all times."""

    edges: dict[str, tuple[str, StampedPoses]]  # parent and T_parent_frame by frame; names without leading slashes

    def joined(self, target: str, source: str) -> bool:
        """Whether the transform from one frame to the other is known."""
        return target.lstrip("/") == source.lstrip("/") or self._common(target, source) is not None

    def at(self, target: str, source: str, stamps_ns: NDArray[np.int64]) -> Array:
        """T_target_source (N,4,4) at stamps (N,). Raises DatasetError when the frames are not joined."""
        common = self._common(target, source)
        if common is None:
            raise DatasetError(f"no transforms join {target} and {source} ({self})")
        T_common_target, T_common_source = (self._chain(frame, common, stamps_ns) for frame in (target, source))
        return se3.inverse(T_common_target) @ T_common_source

    def path(self, target: str, source: str) -> StampedPoses:
        """T_target_source at each stamp of a moving frame between the two. Raises DatasetError as `at`."""
        between = [frame for end in (target, source) for frame in self._ancestors(end) if frame in self.edges]
        moving = [
            stamps_ns for stamps_ns in (self.edges[frame][1].stamps_ns for frame in between) if len(stamps_ns) > 1
        ]
        stamps_ns = np.unique(np.concatenate(moving)) if moving else np.zeros(0, np.int64)
        return StampedPoses(stamps_ns, self.at(target, source, stamps_ns))

    def __str__(self) -> str:
        known = ", ".join(sorted(f"{parent}->{frame}" for frame, (parent, _) in self.edges.items()))
        return f"known: {known}" if known else "the bag has no transforms"

    def _common(self, target: str, source: str) -> str | None:
        of_target = set(self._ancestors(target))
        return next((frame for frame in self._ancestors(source) if frame in of_target), None)

    def _ancestors(self, frame: str) -> Iterator[str]:
        frame, seen = frame.lstrip("/"), set[str]()
        while frame not in seen and frame:
            seen.add(frame)
            yield frame
            frame = self.edges[frame][0] if frame in self.edges else ""

    def _chain(self, frame: str, ancestor: str, stamps_ns: NDArray[np.int64]) -> Array:
        T_ancestor_frame = np.tile(np.eye(4), (len(stamps_ns), 1, 1))
        for each in self._ancestors(frame):
            if each == ancestor:
                break
            T_ancestor_frame = self.edges[each][1].at(stamps_ns) @ T_ancestor_frame
        return T_ancestor_frame


def read_transforms(path: Path, without_parents: Collection[str] = ()) -> BagTransforms:
    """All transforms of a bag, except those whose parent is one of some frames. Raises DatasetError for no bag."""
    samples: dict[str, tuple[str, dict[int, Array]]] = {}
    with open_bag(path) as reader:
        types = {connection.topic: ros2_name(connection.msgtype) for connection in reader.connections}
        topics = transform_topics(types)
        connections = [connection for connection in reader.connections if connection.topic in topics]
        for connection, _, raw in reader.messages(connections) if connections else ():
            message: Any = reader.deserialize(raw, connection.msgtype)
            for stamped in message.transforms:
                parent, frame = stamped.header.frame_id.lstrip("/"), stamped.child_frame_id.lstrip("/")
                if parent in without_parents:
                    continue
                try:
                    T_parent_frame = to_matrix(stamped.transform.translation, stamped.transform.rotation)
                except ValueError:  # a quaternion without length, which nodes ignore too
                    continue
                static = connection.topic.endswith("tf_static")
                known_parent, known = samples.get(frame, (parent, {}))
                kept = {} if static or known_parent != parent else known
                kept[stamp_ns_of_header(stamped.header)] = T_parent_frame
                samples[frame] = parent, kept
    return BagTransforms({frame: (parent, StampedPoses.of(by_stamp)) for frame, (parent, by_stamp) in samples.items()})
