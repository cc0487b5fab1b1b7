"""The training data of recordings, prepared once and kept in a file: rooms, new views of them, and drives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isometry.datasets.rgbd.recording import CameraRecording
from isometry.training.depth.rooms import Room, room_of
from isometry.training.depth.views import fused, rendered

LEAST_POSES = 20  # frames whose pose is known, for a mesh


@dataclass(frozen=True, eq=False)
class Part:
    """Some frames of a recording."""

    recording: CameraRecording
    frames: Sequence[int]


def rooms_of(
    parts: Sequence[Part], views: int, seed: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Room]:
    """A room for each part, and after them one of `views` new views for each whose poses are known."""
    rooms = []
    for done, part in enumerate(parts, start=1):
        rooms.append(room_of(part.recording, part.frames))
        progress(done, len(parts))
    new = []
    for k, room in enumerate(rooms):
        if views and np.isfinite(room.poses).all(axis=(1, 2)).sum() >= LEAST_POSES:
            new.append(rendered(fused(room), room, views, seed + k))
    return rooms + new
