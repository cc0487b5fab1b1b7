"""HOTA and IDF1 of a sequence, by TrackEval's own metric classes, with overlaps of boxes in space.

As in TrackEval's KITTI benchmark, objects that may be missed are taken out with the tracks that match them, and so are
tracks that match nothing and are no false alarm; here matches are those of the 3D protocol.
Sources: Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", IJCV 2021; Ristani et al.,
"Performance measures and a data set for multi-target, multi-camera tracking", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.evaluation.tracking.protocol import JudgedSequence, matches


@dataclass(frozen=True)
class Identity:
    """How consistently tracks follow their objects."""

    HOTA: float  # mean over overlaps from 0.05 to 0.95; of detection and association it is the geometric mean:
    DetA: float
    AssA: float
    LocA: float  # mean overlap of the matches
    IDF1: float  # at the overlap that a match needs


def identity(sequence: JudgedSequence, iou: float, score: float) -> Identity:
    """Figures of the tracks of at least that mean score."""
    from trackeval import metrics

    truth, track = matches(sequence, iou, score)
    is_truth = ~sequence.truth_optional
    is_track = sequence.mean_scores >= score
    matched = np.zeros(len(is_track), bool)
    matched[track] = True
    is_track &= matched | ~sequence.track_optional
    is_track[track] &= is_truth[truth]

    _, truth_number = np.unique(sequence.truth_ids[is_truth], return_inverse=True)
    _, track_number = np.unique(sequence.track_ids[is_track], return_inverse=True)
    truth_place, track_place = np.cumsum(is_truth) - 1, np.cumsum(is_track) - 1
    pair_truth, pair_track, overlap = sequence.pairs
    kept = is_truth[pair_truth] & is_track[pair_track]
    pair_truth, pair_track, overlap = truth_place[pair_truth[kept]], track_place[pair_track[kept]], overlap[kept]
    pair_frames = sequence.truth_frames[is_truth][pair_truth]

    truth_ids, track_ids, similarities = [], [], []
    for frame in np.union1d(sequence.truth_frames[is_truth], sequence.track_frames[is_track]):
        rows = np.flatnonzero(sequence.truth_frames[is_truth] == frame)
        columns = np.flatnonzero(sequence.track_frames[is_track] == frame)
        here = pair_frames == frame
        similarity = np.zeros((len(rows), len(columns)))
        similarity[np.searchsorted(rows, pair_truth[here]), np.searchsorted(columns, pair_track[here])] = overlap[here]
        truth_ids.append(truth_number[rows])
        track_ids.append(track_number[columns])
        similarities.append(similarity)
    data = {
        "num_gt_dets": len(truth_number),
        "num_tracker_dets": len(track_number),
        "num_gt_ids": len(np.unique(truth_number)),
        "num_tracker_ids": len(np.unique(track_number)),
        "gt_ids": truth_ids,
        "tracker_ids": track_ids,
        "similarity_scores": similarities,
    }
    hota = metrics.HOTA().eval_sequence(data)
    id_measures = metrics.Identity({"THRESHOLD": iou, "PRINT_CONFIG": False}).eval_sequence(data)
    of_overlaps = {name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}
    return Identity(**of_overlaps, IDF1=float(id_measures["IDF1"]))
