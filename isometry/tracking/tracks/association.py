"""Which detections can be of which tracks, and the assignment that is likeliest in total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array, Flags, Index
from isometry.geometry.boxes import iou_3d_of_pairs
from isometry.tracking.detection.duplicates import ALIKE, size_overlap
from isometry.tracking.tracks.class_belief import log_agreement
from isometry.tracking.tracks.motion_models import MODELS, X, mean_variance
from isometry.tracking.tracks.observations import Observations
from isometry.tracking.tracks.track_table import TrackTable

REACH = 4.0  # standard deviations between a detection and where a motion model expects its track, at most
LEAST_LOG_WEIGHT = -20.0  # of a motion model: one that has become impossible reaches no detection
OVERLAP = 4.0  # what a full overlap adds to the log likelihood; it tells neighbours apart
PAIRED = 100.0  # log likelihood of any pair within reach, above all else: a new track is the last resort


@dataclass(frozen=True)
class Pairs:
    """P possible pairs of a track and an observation."""

    tracks: Index  # (P,)
    observations: Index  # (P,)
    log_likelihood: Array  # (P,) of the observation, if it is of the track

    def __len__(self) -> int:
        return len(self.tracks)

    def taken(self, index: Index | Flags) -> Pairs:
        """Only some of the pairs."""
        return Pairs(self.tracks[index], self.observations[index], self.log_likelihood[index])


def possible_pairs(tracks: TrackTable, wander: Array, seen: Observations) -> Pairs:
    """The pairs of predicted tracks and observations that one motion model at least explains.

    `wander` (N,) metres is by how much the centre of a detection moves on its object. The likelihood is that under all
    motion models together: a new track is expected where it was, and, less likely, everywhere that its class can have
    moved to in the time that has passed.
    """
    log_weights = tracks.motion.log_weights
    near = np.zeros((len(tracks), len(seen)), bool)
    log_density = np.full((len(MODELS), *near.shape), -np.inf)
    for model in range(len(MODELS)):
        variance = mean_variance(tracks.motion.covariance[model], X) + wander**2
        spread = variance[:, None] + seen.variance[None]
        difference = tracks.motion.mean[model][:, None, X] - seen.found.boxes[None, :, :2]
        squared = (difference**2).sum(axis=-1) / spread
        near |= (squared < REACH**2) & (log_weights[model] > LEAST_LOG_WEIGHT)[:, None]
        log_density[model] = log_weights[model][:, None] - 0.5 * squared - np.log(2.0 * np.pi * spread)
    rows, columns = np.nonzero(near)
    pairs = Pairs(rows, columns, np.logaddexp.reduce(log_density[:, rows, columns], axis=0))
    # a detector that does not know headings sees parts of objects, whose size and class change from scan to scan
    return _of_classes(pairs, tracks, seen) if seen.found.headings_known else pairs


def _of_classes(pairs: Pairs, tracks: TrackTable, seen: Observations) -> Pairs:
    """The pairs whose classes agree, or may have been confused because the boxes are alike."""
    agreement = np.array(
        [
            log_agreement(tracks.belief[a], seen.classes[b])
            for a, b in zip(pairs.tracks, pairs.observations, strict=True)
        ]
    ).reshape(-1)
    sizes = np.concatenate([np.zeros((len(tracks), 2)), tracks.rest], axis=1)[pairs.tracks]
    alike = size_overlap(sizes, seen.found.boxes[pairs.observations])
    both = np.log(np.maximum(alike, ALIKE))
    differs = agreement < 0.0
    scored = Pairs(pairs.tracks, pairs.observations, pairs.log_likelihood + agreement + np.where(differs, both, 0.0))
    return scored.taken(~differs | (alike > ALIKE))


def assigned(pairs: Pairs, tracks: TrackTable, seen: Observations) -> Pairs:
    """The pairs that are likeliest in total, each track and each observation in one of them at most."""
    shape = (len(tracks), len(seen))
    rivals = np.bincount(pairs.tracks, minlength=shape[0])[pairs.tracks] > 1
    rivals |= np.bincount(pairs.observations, minlength=shape[1])[pairs.observations] > 1
    if not rivals.any():
        return pairs
    number = np.full(shape, -1)
    number[pairs.tracks, pairs.observations] = np.arange(len(pairs))
    mean, _ = tracks.motion.best()
    expected = np.concatenate([mean[:, X], tracks.rest], axis=1)
    gain = PAIRED + np.log(np.maximum(tracks.confidence, 1e-6))[pairs.tracks] + pairs.log_likelihood
    gain[rivals] += OVERLAP * iou_3d_of_pairs(
        expected[pairs.tracks[rivals]], seen.found.boxes[pairs.observations[rivals]]
    )
    table = np.zeros(shape)
    table[pairs.tracks, pairs.observations] = gain
    chosen = number[linear_sum_assignment(table, maximize=True)]
    return pairs.taken(chosen[chosen >= 0])
