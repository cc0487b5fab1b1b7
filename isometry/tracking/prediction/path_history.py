"""Past positions of each track at even steps of time, the input of prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isometry.arrays import Array
from isometry.tracking.prediction.predictor import HISTORY
from isometry.tracking.types import PATH_STEP_S, Track

LONGEST_S = 2.5


class PathHistory:
    """Positions of tracks by their stamps, forgotten with the track."""

    def __init__(self) -> None:
        self._seen: dict[int, list[tuple[int, float, float]]] = {}

    def add(self, tracks: Sequence[Track], stamp_ns: int) -> None:
        """Add the present positions of tracks; all other tracks are forgotten."""
        before = self._seen
        self._seen = {track.id: before.get(track.id, []) for track in tracks}
        for track in tracks:
            positions = self._seen[track.id]
            positions.append((stamp_ns, *track.box[:2].tolist()))
            while (stamp_ns - positions[0][0]) * 1e-9 > LONGEST_S:
                del positions[0]

    def resampled(self, tracks: Sequence[Track], stamp_ns: int) -> Array:
        """Positions (A,21,2) of each track, `PATH_STEP_S` apart, the last one now; NaN before its first detection."""
        ago_s = -PATH_STEP_S * np.arange(HISTORY - 1, -1, -1)
        histories = np.full((len(tracks), HISTORY, 2), np.nan)
        for history, track in zip(histories, tracks, strict=True):
            stamps, x, y = np.array(self._seen[track.id]).T
            times_s = (stamps - stamp_ns) * 1e-9
            for axis, values in enumerate((x, y)):
                # half a step of grace, for stamps that are not quite even
                history[:, axis] = np.interp(ago_s, times_s, values)
            history[ago_s < times_s[0] - 0.5 * PATH_STEP_S] = np.nan
        return histories
