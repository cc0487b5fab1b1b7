"""From detections to tracks, top to bottom.

detections -> those that can be used -> tracks predicted to their stamp          usable.py, motion_models.py
-> detections assigned to tracks                                                             association.py
-> tracks corrected under each motion model, of which each takes the likeliest             motion_models.py
-> new tracks, with the common motion of the others                                        common_motion.py
-> ended tracks -> the confidence of each                                                detector_models.py
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.geometry import se3
from isometry.tracking.detection.detector_models import DetectorModel, confidence, detector_model
from isometry.tracking.detection.usable import usable
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.tracks import motion_models
from isometry.tracking.tracks.association import associate
from isometry.tracking.tracks.box_filter import as_expected, blended, majority_label
from isometry.tracking.tracks.common_motion import common_velocity
from isometry.tracking.tracks.motion_models import MODELS, Motion, V, W, X, mean_variance
from isometry.tracking.tracks.object_classes import object_class
from isometry.tracking.tracks.track_table import TrackTable
from isometry.tracking.types import Detections, Track, TrackingStep

RESTART_S = 1.0  # stamps that run back by more begin anew
CREEP_MPS = 0.1  # standard deviation of a velocity at best: a stationary object may creep
UNSEEN_S = 0.27  # of an unseen track, in which its confidence falls to 1/e, as for the cars of KITTI
FIRST_UNSEEN_S = 0.25  # a track may be unseen for so long, and for as long again as it has been seen


class Tracker:
    """Follows objects from one list of detections to the next."""

    def __init__(self, parameters: TrackingParameters) -> None:
        """Raises ValueError for an unknown detector."""
        detector_model(parameters.detector, "")
        self.parameters = parameters
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """End all tracks; ids go on."""
        self._tracks: TrackTable | None = None
        self._stamp_ns = 0

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None) -> TrackingStep:
        """Detections of one moment in the base frame, newer than those before; the pose of the base, if it is known.

        Without `T_odom_base` tracks are in the frame of the base at each moment, and so are their velocities: a
        stationary object approaches a robot that drives. Time that jumps back by more than a second, or on by more than
        `longest_gap_s`, ends all tracks. Raises ValueError for a stamp that is not newer and for arrays of other
        shapes; nothing has changed then.
        """
        began_s = time.perf_counter()
        found, rejected = usable(detections, self.parameters.most_detections)
        if T_odom_base is not None:
            se3.check(T_odom_base, "the pose of the base")
        restarted = self.restarts(stamp_ns)
        if restarted:
            self.reset()
        over_ground = T_odom_base is not None
        if T_odom_base is None:
            T_odom_base = np.eye(4)
        else:
            found = found.in_frame(T_odom_base)

        tracks, is_new = self._tracks, np.ones(len(found), bool)
        if tracks is not None:
            tracks = self._predicted(tracks, (stamp_ns - self._stamp_ns) * 1e-9)
            of_track, of_found = self._paired(tracks, found)
            self._correct(tracks, of_track, found.taken(of_found), stamp_ns, over_ground)
            is_new[of_found] = False
        new = self._new_tracks(found.taken(np.flatnonzero(is_new)), stamp_ns, tracks, over_ground)
        tracks = new if tracks is None else TrackTable.joined(tracks, new)

        alive = self._alive(tracks, stamp_ns)
        self._tracks, self._stamp_ns = tracks.take(alive), stamp_ns
        return TrackingStep(
            tracks=self._reported(self._tracks, stamp_ns, T_odom_base[:2, 3]),
            T_odom_base=T_odom_base,
            rejected=rejected,
            restarted=restarted,
            ended=tuple(tracks.id[~alive].tolist()),
            detections=found,
            seconds={"tracker": time.perf_counter() - began_s},
        )

    def restarts(self, stamp_ns: int) -> bool:
        """Whether the stamp jumped so far that all tracks must end. Raises ValueError if it is not newer."""
        if self._tracks is None:
            return False
        elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
        if -RESTART_S <= elapsed_s <= 0.0:
            raise ValueError(f"an input of stamp {stamp_ns} ns came after one of {self._stamp_ns} ns")
        return elapsed_s < 0.0 or elapsed_s > self.parameters.longest_gap_s

    def _predicted(self, tracks: TrackTable, elapsed_s: float) -> TrackTable:
        classes = [object_class(label) for label in tracks.label]
        motion = motion_models.predicted(
            tracks.motion,
            elapsed_s,
            np.array([each.acceleration for each in classes]),
            np.array([each.turn_acceleration for each in classes]),
        )
        rest = tracks.rest.copy()
        rest[:, 4] += elapsed_s * motion.best()[0][:, W]
        return replace(tracks, motion=motion, rest=rest)

    def _paired(self, tracks: TrackTable, found: Detections) -> tuple[Index, Index]:
        mean, covariance = tracks.motion.best()
        expected = np.concatenate([mean[:, X], tracks.rest], axis=1)
        wander = np.array([object_class(label).wander for label in tracks.label])
        # the class of a cluster may change from scan to scan; a detector that knows headings knows its classes too
        same = tracks.label[:, None] == np.array(found.labels, dtype=object)[None, :]
        possible = same if found.headings_known else np.ones_like(same)
        return associate(expected, mean_variance(covariance, X) + wander**2, tracks.confidence, found.boxes, possible)

    def _correct(self, tracks: TrackTable, index: Index, found: Detections, stamp_ns: int, over_ground: bool) -> None:
        """Correct the tracks `index` (K) by their detections (K)."""
        tracks.motion.write(index, self._measured(tracks.motion.take(index), found, over_ground))
        tracks.hits[index] += 1
        tracks.seen_ns[index] = stamp_ns
        tracks.score[index] = found.scores
        tracks.score_sum[index] += found.scores
        gains = np.array([model.least_gains for model in self._models(found.labels)]).reshape(-1, 3)
        boxes = as_expected(found, tracks.rest[index, 4])
        tracks.rest[index] = blended(tracks.rest[index], boxes, tracks.hits[index], gains)
        if not found.headings_known:
            for track, label in zip(index, found.labels, strict=True):
                tracks.votes[track][label] += 1
                tracks.label[track] = majority_label(tracks.votes[track])

    def _measured(self, motion: Motion, found: Detections, over_ground: bool) -> Motion:
        """The motion of K objects, corrected by the positions and, where known, the velocities of their detections."""
        noise = self._variances(found)[:, None, None] * np.eye(2)
        motion = motion_models.corrected(motion, found.boxes[:, X], noise, X, over_ground)
        if found.velocities is None or found.velocity_covariances is None:
            return motion
        known = np.flatnonzero(np.isfinite(found.velocities).all(axis=1))
        with_velocity = motion_models.corrected(
            motion.take(known), found.velocities[known], found.velocity_covariances[known], V, over_ground
        )
        motion.write(known, with_velocity)
        return motion

    def _new_tracks(self, found: Detections, stamp_ns: int, others: TrackTable | None, over_ground: bool) -> TrackTable:
        count, labels = len(found), np.array(found.labels, dtype=object)
        velocity = np.zeros((count, 2))
        if count and others is not None and not over_ground:
            velocity = common_velocity(others.take(others.hits > 1).motion, found.boxes[:, X])
        speed = np.array([object_class(label).initial_speed for label in labels])
        covariance = (speed**2)[:, None, None] * np.eye(2)
        if found.velocities is not None and found.velocity_covariances is not None:
            known = np.flatnonzero(np.isfinite(found.velocities).all(axis=1))
            velocity[known], covariance[known] = found.velocities[known], found.velocity_covariances[known]
        motion = motion_models.initial_motion(
            found.boxes[:, X], self._variances(found), velocity, covariance, over_ground
        )
        self._next_id += count
        return TrackTable(
            id=np.arange(self._next_id - count, self._next_id),
            label=labels,
            votes=np.array([Counter([label]) for label in labels], dtype=object),
            motion=motion,
            rest=found.boxes[:, 2:].copy(),
            score_sum=found.scores.copy(),
            score=found.scores.copy(),
            confidence=np.zeros(count),
            hits=np.ones(count, np.int64),
            first_seen_ns=np.full(count, stamp_ns),
            seen_ns=np.full(count, stamp_ns),
        )

    def _variances(self, found: Detections) -> Array:
        return np.array([model.position_noise for model in self._models(found.labels)]) ** 2

    def _models(self, labels: Iterable[str]) -> list[DetectorModel]:
        return [detector_model(self.parameters.detector, label) for label in labels]

    def _alive(self, tracks: TrackTable, stamp_ns: int) -> NDArray[np.bool_]:
        seen_for_s = (tracks.seen_ns - tracks.first_seen_ns) * 1e-9
        allowed_s = np.minimum(FIRST_UNSEEN_S + seen_for_s, self.parameters.longest_unseen_s)
        return np.asarray((stamp_ns - tracks.seen_ns) * 1e-9 <= allowed_s)

    def _reported(self, tracks: TrackTable, stamp_ns: int, seen_from: Array) -> tuple[Track, ...]:
        mean, covariance = tracks.motion.best()
        boxes, chosen = np.concatenate([mean[:, X], tracks.rest], axis=1), tracks.motion.chosen
        models = self._models(tracks.label)
        # an error that all detections of an object have in common is not filtered out
        covariance[:, X, X] += np.array([model.position_bias**2 for model in models])[:, None, None] * np.eye(2)
        covariance[:, V, V] += CREEP_MPS**2 * np.eye(2)
        weights = np.array([model.log_odds for model in models]).reshape(-1, 5)
        range_m = np.hypot(mean[:, 0] - seen_from[0], mean[:, 1] - seen_from[1])
        seen = confidence(weights, tracks.score_sum / tracks.hits, tracks.score, tracks.hits, range_m)
        tracks.confidence[:] = seen * np.exp((tracks.seen_ns - stamp_ns) * 1e-9 / UNSEEN_S)
        return tuple(
            Track(
                id=int(tracks.id[k]),
                label=tracks.label[k],
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
