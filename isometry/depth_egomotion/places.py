"""Which keyframes show the same place as an image, by its features."""

from __future__ import annotations

from collections.abc import Collection

import faiss
import numpy as np

from isometry.arrays import Array, Integers
from isometry.depth_egomotion.features import Features

KEPT = 150  # features of a keyframe in the index
ASKED = 300  # features of an image that ask
NEAREST = 4  # features of the index that answer each
FEWEST = 8.0  # votes, about one for each feature, of a keyframe that is worth a comparison
SIMILAR = 0.75  # least inner product of descriptors of unit length


class Places:
    """An index of the features of all keyframes."""

    def __init__(self) -> None:
        self._index = faiss.IndexFlatIP(128)
        self._keyframes: Integers = np.zeros(0, np.int64)  # of each feature of the index

    def add(self, number: int, features: Features) -> None:
        """The features of a keyframe: the first ones with depth."""
        known = np.flatnonzero(np.isfinite(features.points[:, 2]))[:KEPT]
        if len(known):
            self._index.add(np.ascontiguousarray(features.descriptors[known]))
            self._keyframes = np.concatenate([self._keyframes, np.full(len(known), number)])

    def remove(self, number: int) -> None:
        """Forget a keyframe."""
        gone = self._keyframes == number
        self._index.remove_ids(np.flatnonzero(gone))
        self._keyframes = self._keyframes[~gone]

    def candidates(
        self, features: Features, count: int, before: int | None = None, without: Collection[int] = ()
    ) -> list[int]:
        """Numbers of the keyframes that look most alike, the best one first.

        With `before`, of those before that number; none of `without`.
        """
        asking = features.descriptors[:ASKED]
        if not len(asking) or not len(self._keyframes):
            return []
        similar, found = self._index.search(np.ascontiguousarray(asking), NEAREST)
        good = (found >= 0) & (similar > SIMILAR)
        votes: Array = np.zeros(int(self._keyframes.max()) + 1)
        # a keyframe gets one vote of each feature, at most: the best one
        numbers = np.where(good, self._keyframes[found], -1)
        for row, similarity in zip(numbers, similar, strict=True):
            first = np.unique(row[row >= 0], return_index=True)
            votes[first[0]] += similarity[row >= 0][first[1]]
        if before is not None:
            votes[before:] = 0.0
        votes[[number for number in without if number < len(votes)]] = 0.0
        best = np.argsort(-votes, kind="stable")[:count]
        return [int(number) for number in best if votes[number] > FEWEST]
