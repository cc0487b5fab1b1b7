"""Matches between the fine points of two clouds, by the descriptors of each point and of the patch around it.

A fine descriptor describes the surroundings of a point to a few resolutions, that of its coarse point larger ones. Both
are compared together instead of one after the other, so that a point can match although its patch does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.registration.features.encoder import Descriptors, Features

TEMPERATURE = 0.1  # with which the descriptors were trained
MOST = 800  # matches
COMPONENTS = 32  # of fine and coarse descriptors together; the rest of the 96 hardly changes the matches
BLOCK = 256  # rows of similarities at a time, which fit in the processor's cache
SAMPLED = 8  # every so many-th point represents all in the softmax

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """M matches between two clouds, each in its own frame, those of the highest score first."""

    target_points: Array  # (M,3) metres
    source_points: Array  # (M,3) metres
    scores: Array  # (M,) 0 to 1


@dataclass(frozen=True)
class FineMatches:
    """Rows of the fine points that match, those of the highest score first."""

    target: Rows  # (M,)
    source: Rows  # (M,)
    scores: NDArray[np.float32]  # (M,) 0 to 1


def match_features(target: Features, source: Features) -> FineMatches:
    """At most 800 pairs of fine points that are mutual nearest neighbours.

    Scores are the roots of dual softmaxes (Rocco et al., Neighbourhood consensus networks, 2018).
    """
    here, there = compressed(joined_descriptors(target), joined_descriptors(source))
    rows, others, similarity = mutual_nearest(here, there)
    likely = np.exp((similarity - 1.0) / TEMPERATURE)
    scores = np.sqrt(_share(likely, here[rows], there) * _share(likely, there[others], here))
    order = np.argsort(-scores)[:MOST]
    return FineMatches(rows[order], others[order], scores[order])


def joined_descriptors(features: Features) -> Descriptors:
    """Descriptors (F,96), unit norm, of the fine points with those of their patches."""
    joined = np.concatenate([features.descriptors, features.coarse_descriptors[features.patch]], axis=1)
    return np.asarray(joined / np.sqrt(2.0), np.float32)


def compressed(target: Descriptors, source: Descriptors) -> tuple[Descriptors, Descriptors]:
    """The principal components (F,32), (G,32) of both sets of descriptors together; products are nearly the same."""
    _, axes = np.linalg.eigh(target.T @ target + source.T @ source)
    kept = np.ascontiguousarray(axes[:, -COMPONENTS:])
    return target @ kept, source @ kept


def mutual_nearest(target: Descriptors, source: Descriptors) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Rows (M,) of target (F,D) and source (G,D) that are most similar to each other, and their similarities."""
    there = np.empty(len(target), np.int64)
    highest = np.empty(len(target), np.float32)
    back = np.zeros(len(source), np.int64)
    best = np.full(len(source), -np.inf, np.float32)
    columns, transposed = np.arange(len(source)), np.ascontiguousarray(source.T)
    for start in range(0, len(target), BLOCK):
        block = target[start : start + BLOCK] @ transposed
        stop = start + len(block)
        there[start:stop] = block.argmax(axis=1)
        highest[start:stop] = block[np.arange(len(block)), there[start:stop]]
        row = block.argmax(axis=0)
        similarity = block[row, columns]
        better = similarity > best
        back[better], best[better] = row[better] + start, similarity[better]
    rows = np.flatnonzero(back[there] == np.arange(len(target)))
    return rows, there[rows], highest[rows]


def _share(likely: NDArray[np.float32], mine: Descriptors, others: Descriptors) -> NDArray[np.float32]:
    """Softmax (M,) of each match over all others, which a sample represents."""
    rest = np.exp((mine @ others[::SAMPLED].T - 1.0) / TEMPERATURE).sum(axis=1) * SAMPLED
    share: NDArray[np.float32] = likely / (likely + rest)
    return share
