"""From detections to tracks, top to bottom.

detections -> those that can be used, one for each object                             usable.py, observations.py
-> tracks predicted to their stamp -> detections assigned to tracks           motion_models.py, association.py
-> tracks corrected under each motion model, of which each takes the likeliest            track_updates.py
-> what is left: new tracks, with several hypotheses until their velocity is known            initiation.py
-> ended tracks -> the confidence of each                                                detector_models.py
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.tracking.detection.detector_models import (
    ANY,
    DetectorModel,
    confidence,
    detector_model,
    evidence_of,
    scores_are_log_odds,
)
from isometry.tracking.detection.usable import usable
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.tracks import initiation
from isometry.tracking.tracks.association import Pairs, assigned, possible_pairs
from isometry.tracking.tracks.class_belief import likeliest
from isometry.tracking.tracks.common_motion import common_velocity
from isometry.tracking.tracks.input_clock import InputClock
from isometry.tracking.tracks.motion_models import MODELS, V, W, X
from isometry.tracking.tracks.observations import Observations, observed
from isometry.tracking.tracks.track_table import TrackTable
from isometry.tracking.tracks.track_updates import classes_of, corrected, new_tracks, predicted
from isometry.tracking.types import BOX, Detections, Track, TrackingStep

CREEP_MPS = 0.1  # standard deviation of a velocity at best: a stationary object may creep
UNSEEN_S = 0.27  # of an unseen track, in which its confidence falls to 1/e, as for the cars of KITTI
FIRST_UNSEEN_S = 0.25  # a track may be unseen for so long, and for as long again as it has been seen,
UNSEEN_STEPS = 1.5  # and for so many steps: where inputs are rare, one of them may miss it


class Tracker:
    """Follows objects from one list of detections to the next."""

    def __init__(self, parameters: TrackingParameters) -> None:
        """Raises ValueError for an unknown detector."""
        detector_model(parameters.detector, "")
        self.parameters = parameters
        self._clock = InputClock(parameters.longest_gap_s)
        self._next_id, self._observations = 1, 0
        self._spelling: dict[str, str] = {}  # of class names, as they were first given
        self.reset()

    def reset(self) -> None:
        """End all tracks; ids go on."""
        nothing = observed(Detections(np.zeros((0, BOX)), np.zeros(0), ()), ANY, 0)
        self._tracks = self._hypotheses = new_tracks(nothing, None, 0, 0, True)
        self._reported_ids: set[int] = set()
        self._clock.reset()

    def restarts(self, stamp_ns: int) -> bool:
        """Whether all tracks must end with this stamp. Raises ValueError for one whose input must be left out."""
        return self._clock.restarts(stamp_ns)

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None) -> TrackingStep:
        """Detections of one moment in the base frame, newer than those before; the pose of the base, if it is known.

        Without `T_odom_base` tracks are in the frame of the base at each moment, and so are their velocities: a
        stationary object approaches a robot that drives. Stamps that go on elsewhere, an hour back or more than
        `longest_gap_s` ahead, end all tracks; see `InputClock`. Raises ValueError for a stamp that is not newer, for
        the first one that jumps, and for arrays of other shapes; nothing has changed then.
        """
        began_s = time.perf_counter()
        found, rejected = usable(
            detections, self.parameters.most_detections, not scores_are_log_odds(self.parameters.detector)
        )
        if T_odom_base is not None:
            se3.check(T_odom_base, "the pose of the base")
        restarted = self.restarts(stamp_ns)
        if restarted:
            self.reset()
        over_ground = T_odom_base is not None
        T_odom_base = np.eye(4) if T_odom_base is None else T_odom_base
        found = found.in_frame(T_odom_base) if over_ground else found
        seen = self._observed(found)

        elapsed_s = self._clock.elapsed_s(stamp_ns)
        self._clock.advance(stamp_ns)
        tracks, hypotheses = predicted(self._tracks, elapsed_s), predicted(self._hypotheses, elapsed_s)
        log_new = initiation.log_new_density(seen.found.boxes[:, X])
        pairs = initiation.likelier_than_new(self._possible_pairs(tracks, seen), log_new)
        pairs = assigned(pairs, tracks, seen)
        tracks.write(pairs.tracks, self._corrected(tracks, pairs, seen, stamp_ns, over_ground))
        free = np.setdiff1d(np.arange(len(seen)), pairs.observations)
        hypotheses = self._extended(hypotheses, seen.taken(free), log_new[free], tracks, stamp_ns, over_ground)

        tracks = tracks.take(self._alive(tracks, stamp_ns, elapsed_s))
        hypotheses = hypotheses.take(self._alive(hypotheses, stamp_ns, elapsed_s))
        chosen = initiation.best_set(hypotheses)
        settled, still_open = initiation.open_rivals(hypotheses, chosen)
        tracks = TrackTable.joined(tracks, hypotheses.take(settled))
        new = hypotheses.take(np.setdiff1d(chosen, settled))
        for each in (tracks, new):
            each.confidence[:] = self._confidence(each, stamp_ns, T_odom_base[:2, 3])
        result = self._reported(TrackTable.joined(tracks, new), stamp_ns)
        self._tracks, self._hypotheses = tracks, hypotheses.take(still_open)
        return TrackingStep(
            tracks=result,
            T_odom_base=T_odom_base,
            rejected=rejected,
            restarted=restarted,
            ended=self._ended({track.id for track in result}),
            detections=found,
            seconds={"tracker": time.perf_counter() - began_s},
        )

    def _observed(self, found: Detections) -> Observations:
        seen = observed(found, self.parameters.detector, self._observations)
        self._observations += len(seen)
        for label in found.labels:
            self._spelling.setdefault(label.lower(), label)
        return seen

    def _possible_pairs(self, tracks: TrackTable, seen: Observations) -> Pairs:
        return possible_pairs(tracks, np.array([each.wander for each in classes_of(tracks)]), seen)

    def _corrected(
        self, tracks: TrackTable, pairs: Pairs, seen: Observations, stamp_ns: int, over_ground: bool
    ) -> TrackTable:
        """The tracks of the pairs (P), each after its observation."""
        seen = seen.taken(pairs.observations)
        return corrected(tracks.take(pairs.tracks), seen, self._models(seen.found.labels), stamp_ns, over_ground)

    def _extended(
        self,
        hypotheses: TrackTable,
        left: Observations,
        log_new: Array,
        tracks: TrackTable,
        stamp_ns: int,
        over_ground: bool,
    ) -> TrackTable:
        """All hypotheses of new tracks: with each of the detections that are `left`, without any, and begun by one."""
        pairs = self._possible_pairs(hypotheses, left)
        log_odds = initiation.extended(hypotheses.log_odds, pairs, log_new)
        likeliest_pairs = initiation.likeliest_of_each(hypotheses.id[pairs.tracks], log_odds)
        longer = self._corrected(hypotheses, pairs.taken(likeliest_pairs), left, stamp_ns, over_ground)
        longer.log_odds[:] = log_odds[likeliest_pairs]
        begun = self._begun(left, tracks, stamp_ns, over_ground)
        return TrackTable.joined(TrackTable.joined(initiation.unextended(hypotheses), longer), begun)

    def _begun(self, left: Observations, others: TrackTable, stamp_ns: int, over_ground: bool) -> TrackTable:
        """A new track of each observation. Without odometry, it moves about as most others do."""
        common = None if over_ground or not len(left) else common_velocity(others.motion, left.found.boxes[:, X])
        self._next_id += len(left)
        return new_tracks(left, common, self._next_id - len(left), stamp_ns, over_ground)

    def _models(self, labels: tuple[str, ...] | list[str]) -> list[DetectorModel]:
        return [detector_model(self.parameters.detector, label) for label in labels]

    def _alive(self, tracks: TrackTable, stamp_ns: int, elapsed_s: float) -> NDArray[np.bool_]:
        seen_for_s = (tracks.seen_ns - tracks.first_seen_ns) * 1e-9
        allowed_s = np.minimum(FIRST_UNSEEN_S + seen_for_s, self.parameters.longest_unseen_s)
        allowed_s = np.maximum(allowed_s, UNSEEN_STEPS * elapsed_s)
        return np.asarray((stamp_ns - tracks.seen_ns) * 1e-9 <= allowed_s)

    def _ended(self, reported: set[int]) -> tuple[int, ...]:
        """Ids of tracks that were reported and will not be again."""
        alive = reported | set(self._hypotheses.id.tolist())
        ended = self._reported_ids - alive
        self._reported_ids = (self._reported_ids | reported) & alive
        return tuple(sorted(ended))

    def _confidence(self, tracks: TrackTable, stamp_ns: int, seen_from: Array) -> Array:
        """Probability (N,) that tracks are of objects of their class."""
        models = self._models([likeliest(belief) for belief in tracks.belief])
        weights = np.array([model.log_odds for model in models]).reshape(-1, 4)
        mean, _ = tracks.motion.best()
        range_m = np.hypot(mean[:, 0] - seen_from[0], mean[:, 1] - seen_from[1])
        seen = confidence(weights, evidence_of(tracks.score, tracks.hits, range_m))
        return np.asarray(seen * np.exp((tracks.seen_ns - stamp_ns) * 1e-9 / UNSEEN_S))

    def _reported(self, tracks: TrackTable, stamp_ns: int) -> tuple[Track, ...]:
        """The tracks as they are reported; of the velocity of new ones nothing is certain."""
        mean, covariance = tracks.motion.best()
        boxes, chosen = np.concatenate([mean[:, X], tracks.rest], axis=1), tracks.motion.chosen
        labels = [likeliest(belief) for belief in tracks.belief]
        # an error that all detections of an object have in common is not filtered out
        bias = np.array([model.position_bias for model in self._models(labels)]).reshape(-1)
        covariance[:, X, X] += (bias**2)[:, None, None] * np.eye(2)
        doubt = np.array([each.initial_speed for each in classes_of(tracks)]).reshape(-1)
        doubt[initiation.is_settled(tracks)] = CREEP_MPS
        covariance[:, V, V] += (doubt**2)[:, None, None] * np.eye(2)
        return tuple(
            Track(
                id=int(tracks.id[k]),
                label=self._spelling[labels[k]],
                box=boxes[k],
                velocity=mean[k, V],
                yaw_rate=float(mean[k, W]),
                covariance=covariance[k, :4, :4],
                confidence=float(tracks.confidence[k]),
                motion=MODELS[chosen[k]],
                hits=int(tracks.hits[k]),
                age_s=(stamp_ns - int(tracks.first_seen_ns[k])) * 1e-9,
                unseen_s=(stamp_ns - int(tracks.seen_ns[k])) * 1e-9,
                score=float(tracks.score[k]),
            )
            for k in np.argsort(-tracks.confidence, kind="stable")
        )
