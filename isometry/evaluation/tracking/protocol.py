"""AB3DMOT's evaluation of 3D tracks: CLEAR MOT at 40 recalls, and their integrals.

Source: Weng et al., "3D multi-object tracking: a baseline and new evaluation metrics", IROS 2020, on top of KITTI's
tracking benchmark (Geiger et al., CVPR 2012) and Bernardin and Stiefelhagen, "Evaluating multiple object tracking
performance: the CLEAR MOT metrics", 2008.

The published program keeps two things from one score to the next, which are not kept here: means of scores are averaged
again, so that by rounding a track may fall below its own score, and what matched once is never a spare track again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array, Flags, Integers
from isometry.geometry.boxes import iou_3d_of_pairs

Rows = NDArray[np.intp]

RECALLS = 40
MOSTLY, LITTLE = 0.8, 0.2  # shares of its frames in which an object is tracked


@dataclass(frozen=True)
class JudgedSequence:
    """Labelled and tracked objects of one class in one sequence or several, a row for each object and frame: G and T.

    Boxes are in any frame with z up in which the labelled ones are upright.
    """

    truth_frames: Integers  # (G,)
    truth_ids: Integers  # (G,)
    truth_boxes: Array  # (G,7)
    truth_optional: Flags  # (G,) may be missed, and may be found: of a neighbouring class, cut off, or hidden
    track_frames: Integers  # (T,)
    track_ids: Integers  # (T,)
    track_boxes: Array  # (T,7)
    track_scores: Array  # (T,) as the tracker gave them
    track_optional: Flags  # (T,) no false alarm where it matches nothing: too small, or in an area of no care

    @staticmethod
    def joined(sequences: Sequence[JudgedSequence]) -> JudgedSequence:
        """Several sequences, one after the other; their frames and ids are numbered anew."""
        columns: dict[str, list[NDArray[np.generic]]] = {field.name: [] for field in fields(JudgedSequence)}
        start = dict.fromkeys(columns, 0)
        for sequence in sequences:
            frames = 1 + max(sequence.truth_frames.max(initial=-1), sequence.track_frames.max(initial=-1))
            after = {
                "truth_frames": frames,
                "track_frames": frames,
                "truth_ids": 1 + sequence.truth_ids.max(initial=-1),
                "track_ids": 1 + sequence.track_ids.max(initial=-1),
            }
            for name, column in columns.items():
                values = getattr(sequence, name)
                column.append(values + start[name] if name in after else values)
                start[name] += after.get(name, 0)
        return JudgedSequence(*(np.concatenate(column) for column in columns.values()))

    @cached_property
    def mean_scores(self) -> Array:
        """(T,) of each row, the mean score of its track over all of its frames."""
        _, track = np.unique(self.track_ids, return_inverse=True)
        sums, counts = np.bincount(track, self.track_scores), np.bincount(track)
        mean: Array = (sums / np.maximum(counts, 1))[track]
        return mean

    @cached_property
    def pairs(self) -> tuple[Rows, Rows, Array]:
        """Rows (P,) of truth, rows (P,) of tracks, IoU (P,) of all pairs in the same frame that overlap at all."""
        order = np.argsort(self.track_frames, kind="stable")
        first, last = (np.searchsorted(self.track_frames[order], self.truth_frames, side) for side in ("left", "right"))
        counts = last - first
        truth = np.repeat(np.arange(len(self.truth_frames)), counts)
        nth = np.arange(len(truth)) - np.repeat(np.cumsum(counts) - counts, counts)
        track = order[np.repeat(first, counts) + nth]
        overlap = iou_3d_of_pairs(self.truth_boxes[truth], self.track_boxes[track])
        found = overlap > 0.0
        return truth[found], track[found], overlap[found]


@dataclass(frozen=True)
class Clear:
    """CLEAR MOT of the tracks above one score."""

    score: float  # least mean score of the tracks that count
    MOTA: float
    MOTP: float  # mean overlap of the matches
    sMOTA: float  # MOTA scaled so that 1 can be reached at the recall that was aimed at
    recall: float
    precision: float
    true_positives: int
    false_positives: int
    false_negatives: int
    id_switches: int
    fragmentations: int
    mostly_tracked: float  # share of the objects
    mostly_lost: float


@dataclass(frozen=True)
class Curve:
    """A tracker's figures in one class at one least overlap."""

    iou: float
    points: tuple[Clear, ...]  # at rising recall; fewer than 40 where not all recalls are reached
    recalls: tuple[float, ...]  # that the points aimed at
    best: Clear  # at the score of the highest MOTA

    @property
    def sAMOTA(self) -> float:
        """Mean sMOTA over the 40 recalls; 0 counts for those that were not reached."""
        return sum(point.sMOTA for point in self.points) / RECALLS

    @property
    def AMOTA(self) -> float:
        """Mean MOTA over the 40 recalls."""
        return sum(point.MOTA for point in self.points) / RECALLS

    @property
    def AMOTP(self) -> float:
        """Mean MOTP over the 40 recalls."""
        return sum(point.MOTP for point in self.points) / RECALLS


def evaluate(sequence: JudgedSequence, iou: float) -> Curve:
    """Figures of a sequence where a match needs an overlap of `iou`.

    Raises ValueError when nothing is labelled that could be found.
    """
    if not len(sequence.truth_ids) or sequence.truth_optional.all():
        raise ValueError("nothing of the class is labelled that a tracker must find")
    everything = _matched(sequence, iou, -np.inf)
    scores, recalls = score_steps(
        sequence.mean_scores[everything[1]], len(sequence.truth_ids) - _forgiven(sequence, everything)
    )
    points = tuple(_clear(sequence, iou, score, recall) for score, recall in zip(scores, recalls, strict=True))
    # Where no score has a MOTA above 0, the figures are those of all tracks together.
    best = max(points, key=lambda point: point.MOTA, default=None)
    score = best.score if best is not None and best.MOTA > 0.0 else -np.inf
    return Curve(iou, points, recalls, _clear(sequence, iou, score, 1.0))


def score_steps(matched_scores: Array, findable: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scores that reach each of the 40 recalls, falling, and those recalls; the first one, recall 0, is left out.

    `matched_scores` (M,) are those of all matches, of `findable` objects that could be matched. As KITTI chooses them:
    of two neighbouring matches the one whose recall is nearer to the one that is aimed at.
    """
    ordered = np.sort(matched_scores)[::-1]
    scores, recalls, aim = [], [], 0.0
    for k, score in enumerate(ordered):
        here = (k + 1) / findable
        is_last = k + 1 == len(ordered)
        if not is_last and (k + 2) / findable - aim < aim - here:
            continue
        scores.append(float(score))
        recalls.append(aim)
        aim += 1.0 / RECALLS
    return tuple(scores[1:]), tuple(recalls[1:])


def matches(sequence: JudgedSequence, iou: float, score: float) -> tuple[Rows, Rows]:
    """Rows (M,) of truth and (M,) of the tracks of at least that mean score that are matched: most, then best overlap.

    Frame by frame, each object with at most one track.
    """
    truth, track, _ = _matched(sequence, iou, score)
    return truth, track


def _matched(sequence: JudgedSequence, iou: float, score: float) -> tuple[Rows, Rows, Array]:
    """The same, and the overlaps (M,)."""
    truth, track, overlap = sequence.pairs
    alive = np.flatnonzero((overlap >= iou) & (sequence.mean_scores[track] >= score))
    rivals = np.bincount(truth[alive], minlength=len(sequence.truth_ids))[truth[alive]]
    rivals += np.bincount(track[alive], minlength=len(sequence.track_ids))[track[alive]]
    chosen = [alive[rivals == 2]]  # neither of the two has another choice
    contested = alive[rivals > 2]
    for pairs in _by_frame(contested, sequence.truth_frames[truth[contested]]):
        rows, columns = (np.unique(side[pairs], return_inverse=True)[1] for side in (truth, track))
        gain = np.zeros((rows.max() + 1, columns.max() + 1))
        gain[rows, columns] = 1e3 + overlap[pairs]  # one more match is worth more than any overlap
        taken = np.zeros(gain.shape, bool)
        taken[linear_sum_assignment(gain, maximize=True)] = True
        chosen.append(pairs[taken[rows, columns]])
    found = np.concatenate(chosen)
    return truth[found], track[found], overlap[found]


def _by_frame(pairs: Rows, frames: Integers) -> Iterator[Rows]:
    order = np.argsort(frames, kind="stable")
    if len(order):
        yield from np.split(pairs[order], np.flatnonzero(np.diff(frames[order])) + 1)


def clear_at(sequence: JudgedSequence, iou: float, score: float) -> Clear:
    """Figures of the tracks of at least that mean score. Raises ValueError when nothing has to be found."""
    if sequence.truth_optional.all():
        raise ValueError("nothing of the class is labelled that a tracker must find")
    return _clear(sequence, iou, score, 1.0)


def _forgiven(sequence: JudgedSequence, matched: tuple[Rows, Rows, Array]) -> int:
    """The number of missed objects that may be missed."""
    missed = np.ones(len(sequence.truth_ids), bool)
    missed[matched[0]] = False
    return int((missed & sequence.truth_optional).sum())


def _clear(sequence: JudgedSequence, iou: float, score: float, recall: float) -> Clear:
    matched = _matched(sequence, iou, score)
    truth, track, overlap = matched
    assigned = np.full(len(sequence.truth_ids), -1)
    assigned[truth] = sequence.track_ids[track]
    found, needed = len(truth), int((~sequence.truth_optional).sum())
    missed = int(((assigned < 0) & ~sequence.truth_optional).sum())
    spare = sequence.mean_scores >= score
    spare[track] = False
    false_alarms = int((spare & ~sequence.track_optional).sum())
    switches, fragmentations, mostly_tracked, mostly_lost = _continuity(sequence, assigned)
    wrong = missed + false_alarms + switches
    return Clear(
        score=float(score),
        MOTA=1.0 - wrong / needed,
        MOTP=float(overlap.sum()) / found if found else 0.0,
        sMOTA=float(np.clip(1.0 - (wrong - (1.0 - recall) * needed) / (recall * needed), 0.0, 1.0)),
        recall=found / (found + missed) if found else 0.0,
        precision=found / (found + false_alarms) if found else 0.0,
        true_positives=found,
        false_positives=false_alarms,
        false_negatives=missed,
        id_switches=switches,
        fragmentations=fragmentations,
        mostly_tracked=mostly_tracked,
        mostly_lost=mostly_lost,
    )


def _continuity(sequence: JudgedSequence, assigned: Integers) -> tuple[int, int, float, float]:
    """Switches of id, fragmentations, and the shares of objects that are mostly tracked and mostly lost.

    `assigned` (G,) are the ids of the matched tracks, -1 for none. As KITTI counts: an id has switched where it differs
    between two frames of an object that follow each other and both are tracked; a frame in which the object may be
    missed breaks the chain, the first one of an object excepted.
    """
    order = np.lexsort((sequence.truth_frames, sequence.truth_ids))
    ids, now, optional = sequence.truth_ids[order], assigned[order], sequence.truth_optional[order]
    first = np.append(True, ids[1:] != ids[:-1])
    last = np.append(first[1:], True)
    before, after = np.roll(now, 1), np.roll(now, -1)
    counts = ~first & ~optional & (now >= 0) & (before != now)
    chained = before >= 0
    chained[1:] &= first[:-1] | ~optional[:-1]
    switched = counts & chained

    holds = first | ~optional
    place = np.arange(len(ids))
    tracked_at = np.maximum.accumulate(np.where(holds & (now >= 0), place, -1))
    broken_at = np.maximum.accumulate(np.where(np.where(first, now < 0, optional), place, -1))
    was_tracked = np.roll(tracked_at > broken_at, 1)
    fragmented = counts & np.where(last, True, was_tracked & (after >= 0))

    starts = np.flatnonzero(first)
    frames = np.diff(np.append(starts, len(ids)))
    spared = np.add.reduceat(optional.astype(np.int64), starts)
    tracked = np.add.reduceat((holds & (now >= 0)).astype(np.int64), starts)
    judged = spared < frames
    share = tracked[judged] / (frames - spared)[judged]
    mostly, little = (share > MOSTLY).mean(), (share < LITTLE).mean()
    return int(switched.sum()), int(fragmented.sum()), float(mostly), float(little)
