"""All tracks as columns, so that one numpy call updates all of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.tracking.tracks.motion_models import Motion


@dataclass(frozen=True)
class TrackTable:
    """N tracks. Columns may be written to; `take` and `joined` copy."""

    id: NDArray[np.int64]  # (N,)
    label: NDArray[np.object_]  # (N,) class names
    votes: NDArray[np.object_]  # (N,) Counters of the classes of its detections
    motion: Motion
    rest: Array  # (N,5) z, length, width, height in metres, yaw in radians
    score_sum: Array  # (N,) of its detections
    score: Array  # (N,) of the last one
    confidence: Array  # (N,) 0 to 1, after the last step
    hits: NDArray[np.int64]  # (N,) how many
    first_seen_ns: NDArray[np.int64]  # (N,)
    seen_ns: NDArray[np.int64]  # (N,) stamp of the last one

    def __len__(self) -> int:
        return len(self.id)

    def take(self, index: Index | NDArray[np.bool_]) -> TrackTable:
        """Only some of the tracks."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        motion = columns.pop("motion").take(index)
        return TrackTable(motion=motion, **{name: column[index] for name, column in columns.items()})

    @staticmethod
    def joined(first: TrackTable, second: TrackTable) -> TrackTable:
        """The tracks of `first`, then those of `second`."""
        pairs = {item.name: (getattr(first, item.name), getattr(second, item.name)) for item in fields(first)}
        motion = Motion.joined(*pairs.pop("motion"))
        return TrackTable(motion=motion, **{name: np.concatenate(pair) for name, pair in pairs.items()})
