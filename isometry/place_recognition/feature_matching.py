"""Oriented feature matches, each of which gives a whole planar pose: no sampling of several matches is needed.

The shift of the orientations at which two features match is the turn between the scans. Together with the positions of
the two features it determines a pose.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.place_recognition.types import Observation

AGREEMENT_METRES = 2.4  # one and a half cells of the feature map
AGREEMENT_RADIANS = np.deg2rad(15.0)  # a third of the step between two orientations
MATCHES = 96  # the best ones, which are used


class FeatureMatches:
    """The best matches of the features of a query with those of a keyframe. M matches."""

    def __init__(self, query: Observation, keyframe: Observation) -> None:
        other, yaw, score = match(query.features, keyframe.features)
        chosen = np.argsort(-score)[:MATCHES]
        self.yaw = yaw[chosen]  # (M,) radians
        self.at_query = query.keypoints[chosen].astype(np.float64)  # (M,2) metres
        self.at_keyframe = keyframe.keypoints[other[chosen]].astype(np.float64)

    def propose(self, count: int) -> tuple[Array, NDArray[np.int64]]:
        """At most `count` distinct poses (H,3) of the query in the keyframe's frame, best supported first.

        Also returns how many matches agree with each (H,). Poses are x, y in metres and yaw in radians.
        """
        turning = planar.rotations(self.yaw)
        translation = self.at_keyframe - np.einsum("hij,hj->hi", turning, self.at_query)
        agree = self._agree(np.column_stack([translation, self.yaw]))
        support = agree.sum(axis=1)
        best: list[np.int64] = []
        for h in np.argsort(-support, kind="stable"):
            if not agree[best, h].any():  # else the match already supports a better pose
                best.append(h)
            if len(best) == count:
                break
        weights = agree[best].astype(np.float64)
        return planar.fit(self.at_query, self.at_keyframe, weights, self.yaw[best]), support[best]

    def supporting(self, pose: Array) -> int:
        """How many matches agree with a pose (3,)."""
        return int(self._agree(pose[None]).sum())

    def _agree(self, poses: Array) -> NDArray[np.bool_]:
        """Whether each pose (H,3) moves the query's feature of each match near to the keyframe's (H,M), also in yaw."""
        moved = self.at_query @ planar.rotations(poses[:, 2]).transpose(0, 2, 1) + poses[:, None, :2]
        near = np.square(moved - self.at_keyframe).sum(axis=-1) < AGREEMENT_METRES**2
        alike: NDArray[np.bool_] = near & (np.abs(planar.wrapped(poses[:, 2:] - self.yaw)) < AGREEMENT_RADIANS)
        return alike


def match(query: NDArray[np.int8], keyframe: NDArray[np.int8]) -> tuple[NDArray[np.int64], Array, NDArray[np.float32]]:
    """For each query feature (Q,8,F) its best counterpart among (K,8,F): index (Q,), yaw (Q,) in radians, score (Q,).

    The yaw turns the query's surroundings into the keyframe's. A parabola through the three best shifts makes it finer
    than the eight orientations.
    """
    q, k = query.astype(np.float32), keyframe.astype(np.float32)
    orientations = q.shape[1]
    turned = np.stack([np.roll(k, -s, axis=1).reshape(len(k), -1) for s in range(orientations)])
    scores = (q.reshape(len(q), -1) @ turned.reshape(orientations * len(k), -1).T).reshape(len(q), orientations, -1)
    shift, other = np.unravel_index(scores.reshape(len(q), -1).argmax(axis=1), scores.shape[1:])
    every = np.arange(len(q))
    best = scores[every, shift, other]
    below, above = (scores[every, (shift + step) % orientations, other] for step in (-1, 1))
    fraction = 0.5 * (above - below) / np.maximum(2.0 * best - below - above, 1e-6)
    yaw = (shift + np.clip(fraction, -0.5, 0.5)) * (2.0 * np.pi / orientations)
    return other, np.asarray(yaw, dtype=np.float64), best
