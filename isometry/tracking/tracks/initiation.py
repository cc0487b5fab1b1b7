"""New tracks, whose velocity is not known yet: all that may be true is kept until their detections decide.

A second detection may be the same object at a new place, or another object. A hypothesis is one sequence of detections
of one object; those that share a detection, or a track, exclude each other. The best set of them is reported. After
`SETTLED` detections in line, a hypothesis is taken for true and its rivals end.

Source: track-oriented multiple hypothesis tracking, Blackman, "Multiple hypothesis tracking for multiple target
tracking", IEEE Aerospace and Electronic Systems Magazine 19 (2004).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from isometry.arrays import Array, Flags, Index, Integers
from isometry.tracking.tracks.association import Pairs
from isometry.tracking.tracks.track_table import TrackTable

SETTLED = 3  # detections: two give a velocity, and the third one confirms it
NEW_SHARE = 0.3  # of the objects around, that appear in a scan or were not detected in the one before
FEWEST_NEW = 1e-6  # objects per square metre that appear in a scan, where nothing else is around
LOG_MISSED = float(np.log(0.1))  # log probability that an object is not detected
HOPELESS = 15.0  # log odds below the reported rivals, from which on a hypothesis is given up
MOST = 4  # hypotheses that a track goes on with in a scan: in a crowd of new objects, all are in reach of many
IMPOSSIBLE = -1e3


def is_settled(tracks: TrackTable) -> Flags:
    """Flags (N,) of the tracks whose velocity is known: from detections in line, or from one that tells it."""
    return np.asarray((tracks.hits >= SETTLED) | tracks.velocity_seen)


def log_new_density(places: Array) -> Array:
    """Log density (M,) per square metre of objects that appear in a scan, at each of its detections (M,2).

    It is a share of the density of all objects there. In a parked row, that one car was missed and its neighbour
    appears is thus likelier than that one has moved on by a place.
    """
    if len(places) < 2:
        return np.full(len(places), np.log(FEWEST_NEW))
    nearest, _ = cKDTree(places).query(places, k=2)
    return np.asarray(np.log(np.maximum(NEW_SHARE / (np.pi * np.maximum(nearest[:, 1], 0.1) ** 2), FEWEST_NEW)))


def extended(log_odds_before: Array, pairs: Pairs, log_new: Array) -> Array:
    """Log odds (P,) of hypotheses with one more detection, from those (N,) without; `log_new` (M,) of detections."""
    extended: Array = log_odds_before[pairs.tracks] + pairs.log_likelihood - log_new[pairs.observations]
    return extended


def likeliest_of_each(tracks: Integers, log_odds: Array) -> Index:
    """Positions of the `MOST` likeliest of the hypotheses (P,) of each of the `tracks` (P,)."""
    order = np.lexsort((-log_odds, tracks))
    _, start, number = np.unique(tracks[order], return_index=True, return_inverse=True)
    return np.sort(order[np.arange(len(order)) - start[number] < MOST])


def likelier_than_new(pairs: Pairs, log_new: Array) -> Pairs:
    """The pairs that are likelier than that the track was missed and the detection is of a new object."""
    return pairs.taken(pairs.log_likelihood > log_new[pairs.observations] + LOG_MISSED)


def unextended(hypotheses: TrackTable) -> TrackTable:
    """The hypotheses that there was no detection of them."""
    return replace(hypotheses, log_odds=hypotheses.log_odds + LOG_MISSED)


def best_set(hypotheses: TrackTable) -> Index:
    """Indices of compatible hypotheses of the largest total log odds, one of each track at most.

    The newest detections are assigned to tracks exactly; where two chosen ones then share an older detection, the less
    likely one is taken out, and the assignment is made again.
    """
    possible = np.ones(len(hypotheses), bool)
    while True:
        chosen = _assigned(hypotheses, np.flatnonzero(possible))
        excluded = _excluding(hypotheses, chosen, chosen)
        np.fill_diagonal(excluded, False)
        if not excluded.any():
            return _with_unseen(hypotheses, chosen)
        one = chosen[excluded.any(axis=1)]
        possible[one[np.argmin(hypotheses.log_odds[one])]] = False


def _assigned(hypotheses: TrackTable, rows: Index) -> Index:
    """The best of the hypotheses `rows`, if only their tracks and newest detections exclude each other."""
    tracks, track = np.unique(hypotheses.id[rows], return_inverse=True)
    newest, detection = np.unique(hypotheses.trail[rows, 0], return_inverse=True)
    table, number = np.full((len(tracks), len(newest)), IMPOSSIBLE), np.full((len(tracks), len(newest)), -1)
    order = np.argsort(hypotheses.log_odds[rows], kind="stable")  # of one track with one detection, the best one counts
    table[track[order], detection[order]] = hypotheses.log_odds[rows][order]
    number[track[order], detection[order]] = order
    none = np.zeros((len(tracks), len(tracks)))  # a track none of whose hypotheses is in the set
    row, column = linear_sum_assignment(np.hstack([table, none]), maximize=True)
    taken = column < len(newest)
    return np.asarray(rows[number[row[taken], column[taken]]])


def _with_unseen(hypotheses: TrackTable, chosen: Index) -> Index:
    """The chosen hypotheses, and those that no evidence speaks for and that exclude none of them, the best ones first.

    A track that was not detected has lost some of its odds, and still is reported.
    """
    free = ~_excluding(hypotheses, np.arange(len(hypotheses)), chosen).any(axis=1)
    rest = np.flatnonzero(free)
    for row in rest[np.argsort(-hypotheses.log_odds[rest], kind="stable")]:
        if not _excluding(hypotheses, np.array([row]), chosen).any():
            chosen = np.append(chosen, row)
    return chosen


def _excluding(hypotheses: TrackTable, one: Index, other: Index) -> Flags:
    """Flags (A,B) of pairs that are of the same track, or share a detection."""
    a, b = hypotheses.trail[one], hypotheses.trail[other]
    shared = (a[:, None, :, None] == b[None, :, None, :]) & (a >= 0)[:, None, :, None]
    return np.asarray(shared.any(axis=(2, 3)) | (hypotheses.id[one][:, None] == hypotheses.id[other]))


def open_rivals(hypotheses: TrackTable, chosen: Index) -> tuple[Index, Index]:
    """Of the `chosen` hypotheses, those that are settled; and of all, those that are still open.

    What excludes a settled one ends, and what the chosen ones leave no hope.
    """
    settled = chosen[is_settled(hypotheses)[chosen]]
    everything = np.arange(len(hypotheses))
    ended = _excluding(hypotheses, everything, settled).any(axis=1)
    against = _excluding(hypotheses, everything, chosen)
    rivals = np.where(against, np.maximum(hypotheses.log_odds[chosen], 0.0), 0.0).sum(axis=1)
    hopeless = hypotheses.log_odds < rivals - HOPELESS
    hopeless[chosen] = False
    return settled, np.flatnonzero(~ended & ~hopeless)
