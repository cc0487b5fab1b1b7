"""All tracks as columns, so that one numpy call updates all of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags, Index, Integers
from isometry.tracking.tracks.motion_models import Motion

TRAIL = 3  # detections that a track remembers


@dataclass(frozen=True)
class TrackTable:
    """N tracks. Columns may be written to; `take` and `joined` copy."""

    id: Integers  # (N,)
    belief: NDArray[np.object_]  # (N,) `Belief` of the classes
    motion: Motion
    rest: Array  # (N,5) z, length, width, height in metres, yaw in radians
    score: Array  # (N,) of its last detection
    confidence: Array  # (N,) 0 to 1, after the last step
    hits: Integers  # (N,) number of its detections
    first_seen_ns: Integers  # (N,)
    seen_ns: Integers  # (N,) stamp of the last one
    velocity_seen: Flags  # (N,) whether any of them told the velocity
    trail: Integers  # (N,TRAIL) numbers of the last observations, the newest first; -1 for none
    log_odds: Array  # (N,) that its detections are of one object, against one object each; used while it is new

    def __len__(self) -> int:
        return len(self.id)

    def take(self, index: Index | Flags) -> TrackTable:
        """Only some of the tracks."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        motion = columns.pop("motion").take(index)
        return TrackTable(motion=motion, **{name: column[index] for name, column in columns.items()})

    def write(self, index: Index, other: TrackTable) -> None:
        """Put other tracks in the place of these."""
        self.motion.write(index, other.motion)
        for item in fields(self):
            if item.name != "motion":
                getattr(self, item.name)[index] = getattr(other, item.name)

    @staticmethod
    def joined(first: TrackTable, second: TrackTable) -> TrackTable:
        """The tracks of `first`, then those of `second`."""
        pairs = {item.name: (getattr(first, item.name), getattr(second, item.name)) for item in fields(first)}
        motion = Motion.joined(*pairs.pop("motion"))
        return TrackTable(motion=motion, **{name: np.concatenate(pair) for name, pair in pairs.items()})
