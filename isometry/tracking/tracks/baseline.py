"""A plain tracker to compare with: constant velocity, and the nearest centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array
from isometry.tracking.types import Detections, Track, TrackingStep

GATE_M = 4.0
HITS, MISSES = 3, 2  # detections until a track is reported, and steps without one until it ends
POSITION_NOISE, VELOCITY_DEVIATION = 0.3, 3.0  # metres; metres a second, of a new track about the common motion
ACCELERATION = 5.0  # metres a second squared, one sigma


@dataclass
class _Followed:
    id: int
    label: str
    box: Array  # (7,)
    mean: Array  # (4,) x, y and the velocity
    covariance: Array  # (4,4)
    confidence: float
    hits: int
    first_seen_ns: int
    seen_ns: int
    misses: int = 0


class BaselineTracker:
    """The interface of `Tracker`. It takes no poses: its tracks live in the frame of the base at each moment."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._count = 0
        self._stamp_ns = 0

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None) -> TrackingStep:
        """Detections of one moment in the base frame; a confidence is the score of the last detection."""
        self._predict((stamp_ns - self._stamp_ns) * 1e-9)
        self._stamp_ns = stamp_ns
        pairs = self._pairs(detections)
        for followed, k in pairs:
            self._correct(followed, detections, k)
        common = [each.mean[2:] for each in self._followed if each.hits >= HITS]
        velocity = np.mean(common, axis=0) if common else np.zeros(2)
        taken = {k for _, k in pairs}
        for k in range(len(detections)):
            if k not in taken:
                self._begin(detections, k, velocity)
        for followed in self._followed:
            followed.misses = 0 if followed.seen_ns == stamp_ns else followed.misses + 1
        self._followed = [each for each in self._followed if each.misses < MISSES]
        return TrackingStep(tuple(self._reported(each) for each in self._followed if each.hits >= HITS), np.eye(4))

    def _predict(self, elapsed_s: float) -> None:
        transition = np.eye(4) + elapsed_s * np.eye(4, k=2)
        push = np.vstack([0.5 * elapsed_s**2 * np.eye(2), elapsed_s * np.eye(2)]) * ACCELERATION
        for followed in self._followed:
            followed.mean = transition @ followed.mean
            followed.covariance = transition @ followed.covariance @ transition.T + push @ push.T

    def _pairs(self, detections: Detections) -> list[tuple[_Followed, int]]:
        """Pairs of a track and a detection within the gate: as many as possible, then the least total distance."""
        places = np.array([each.mean[:2] for each in self._followed]).reshape(-1, 2)
        distance = np.linalg.norm(places[:, None] - detections.boxes[None, :, :2], axis=-1)
        labels = np.array([each.label for each in self._followed])[:, None] == np.array(detections.labels)[None]
        near = (distance < GATE_M) & labels
        rows, columns = linear_sum_assignment(np.where(near, distance, 1e3))
        return [(self._followed[r], int(c)) for r, c in zip(rows, columns, strict=True) if near[r, c]]

    def _correct(self, followed: _Followed, detections: Detections, k: int) -> None:
        innovation = followed.covariance[:2, :2] + POSITION_NOISE**2 * np.eye(2)
        gain = np.linalg.solve(innovation, followed.covariance[:2]).T
        followed.mean = followed.mean + gain @ (detections.boxes[k, :2] - followed.mean[:2])
        followed.covariance = followed.covariance - gain @ followed.covariance[:2]
        followed.box, followed.confidence = detections.boxes[k], float(detections.scores[k])
        followed.hits, followed.seen_ns = followed.hits + 1, self._stamp_ns

    def _begin(self, detections: Detections, k: int, velocity: Array) -> None:
        self._count += 1
        self._followed.append(
            _Followed(
                id=self._count,
                label=detections.labels[k],
                box=detections.boxes[k],
                mean=np.concatenate([detections.boxes[k, :2], velocity]),
                covariance=np.diag([POSITION_NOISE**2] * 2 + [VELOCITY_DEVIATION**2] * 2),
                confidence=float(detections.scores[k]),
                hits=1,
                first_seen_ns=self._stamp_ns,
                seen_ns=self._stamp_ns,
            )
        )

    def _reported(self, followed: _Followed) -> Track:
        return Track(
            id=followed.id,
            label=followed.label,
            box=np.concatenate([followed.mean[:2], followed.box[2:]]),
            velocity=followed.mean[2:],
            yaw_rate=0.0,
            covariance=followed.covariance,
            confidence=followed.confidence,
            motion="constant_velocity",
            hits=followed.hits,
            age_s=(self._stamp_ns - followed.first_seen_ns) * 1e-9,
            unseen_s=(self._stamp_ns - followed.seen_ns) * 1e-9,
        )
