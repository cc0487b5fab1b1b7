"""Coarse, then fine matches between the features of two clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.registration.feature_encoder import Descriptors, Features
from isometry.registration.types import Array

TEMPERATURE = 0.1  # that the descriptors were trained with
MOST = 1500  # matches
BLOCK = 512  # rows of similarities at a time, which then stay in the processor's cache

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """M matches between two clouds, each in its own frame."""

    target_points: Array  # (M,3) metres
    source_points: Array  # (M,3) metres
    scores: Array  # (M,) 0 to 1


@dataclass(frozen=True)
class FineMatches:
    """Rows of the fine points that match."""

    target: Rows  # (M,)
    source: Rows  # (M,)
    scores: NDArray[np.float32]  # (M,) 0 to 1, falling


def match_features(target: Features, source: Features) -> FineMatches:
    """Fine points whose descriptors are each other's nearest, the surest first, at most 1500."""
    best = _Best(target.descriptors, source.descriptors)
    rows = np.flatnonzero(best.back[best.there] == np.arange(len(best.there)))
    scores = best.share[rows]
    order = np.argsort(-scores)[:MOST]
    return FineMatches(rows[order], best.there[rows[order]], scores[order])


class _Best:
    """For each target descriptor (F,D) the nearest source descriptor (G,D), and the reverse.

    `share` is the dual softmax of each target's nearest (Rocco et al., Neighbourhood consensus networks, 2018).
    """

    def __init__(self, target: Descriptors, source: Descriptors) -> None:
        count, others = len(target), len(source)
        self.there = np.empty(count, np.int64)
        highest = np.empty(count, np.float32)
        self.back = np.zeros(others, np.int64)
        best = np.full(others, -np.inf, np.float32)
        sums = np.zeros(others, np.float32)
        own = np.empty(count, np.float32)
        for start in range(0, count, BLOCK):
            block = target[start : start + BLOCK] @ source.T
            rows = slice(start, start + len(block))
            self.there[rows] = block.argmax(axis=1)
            highest[rows] = np.take_along_axis(block, self.there[rows, None], axis=1)[:, 0]
            row = block.argmax(axis=0)
            value = np.take_along_axis(block, row[None], axis=0)[0]
            better = value > best
            self.back[better] = row[better] + start
            best[better] = value[better]
            np.exp((block - 1.0) / TEMPERATURE, out=block)
            own[rows] = block.sum(axis=1)
            sums += block.sum(axis=0)
        raised = np.exp((highest - 1.0) / TEMPERATURE)
        self.share = raised / own * raised / sums[self.there]
