"""What an observation changes in a track, and the track that begins with one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isometry.arrays import Array
from isometry.tracking.detection.detector_models import DetectorModel
from isometry.tracking.tracks import motion_models
from isometry.tracking.tracks.box_filter import as_expected, blended
from isometry.tracking.tracks.class_belief import believed, likeliest
from isometry.tracking.tracks.motion_models import Motion, V, W, X
from isometry.tracking.tracks.object_classes import ObjectClass, object_class
from isometry.tracking.tracks.observations import Observations
from isometry.tracking.tracks.track_table import TRAIL, TrackTable

KNOWN_MOTION = 0.5  # share of the deviation of velocities that is left about the motion of most objects


def classes_of(tracks: TrackTable) -> list[ObjectClass]:
    """How each track (N) moves, by the class that it is believed to be."""
    return [object_class(likeliest(belief)) for belief in tracks.belief]


def predicted(tracks: TrackTable, elapsed_s: float) -> TrackTable:
    """The tracks `elapsed_s` later."""
    classes = classes_of(tracks)
    acceleration = np.array([each.acceleration for each in classes])
    turn_acceleration = np.array([each.turn_acceleration for each in classes])
    motion = motion_models.predicted(tracks.motion, elapsed_s, acceleration, turn_acceleration)
    rest = tracks.rest.copy()
    rest[:, 4] += elapsed_s * motion.best()[0][:, W]
    return replace(tracks, motion=motion, rest=rest)


def corrected(
    tracks: TrackTable, seen: Observations, models: list[DetectorModel], stamp_ns: int, over_ground: bool
) -> TrackTable:
    """K tracks after an observation of each; `models` (K) of the detector that it is from."""
    found, hits = seen.found, tracks.hits + 1
    gains = np.array([model.least_gains for model in models]).reshape(-1, 3)
    boxes = as_expected(found, tracks.rest[:, 4])
    beliefs = [believed(belief, votes) for belief, votes in zip(tracks.belief, seen.classes, strict=True)]
    return replace(
        tracks,
        belief=np.array([*beliefs, None], dtype=object)[:-1],
        motion=_measured(tracks.motion, seen, over_ground),
        rest=blended(tracks.rest, boxes, hits, gains),
        score=found.scores.copy(),
        hits=hits,
        seen_ns=np.full(len(hits), stamp_ns),
        velocity_seen=tracks.velocity_seen | seen.with_velocity,
        trail=np.concatenate([seen.number[:, None], tracks.trail[:, : TRAIL - 1]], axis=1),
    )


def _measured(motion: Motion, seen: Observations, over_ground: bool) -> Motion:
    """The motion of K objects, corrected by the positions and, where known, the velocities of their observations."""
    found, noise = seen.found, seen.variance[:, None, None] * np.eye(2)
    motion = motion_models.corrected(motion, found.boxes[:, X], noise, X, over_ground)
    known = np.flatnonzero(seen.with_velocity)
    if len(known):
        assert found.velocities is not None
        assert found.velocity_covariances is not None
        with_velocity = motion_models.corrected(
            motion.take(known), found.velocities[known], found.velocity_covariances[known], V, over_ground
        )
        motion.write(known, with_velocity)
    return motion


def new_tracks(seen: Observations, common: Array | None, first_id: int, stamp_ns: int, over_ground: bool) -> TrackTable:
    """A track of each observation (K); `common` (K,2) is the velocity of most objects, as far as it is known."""
    count, found = len(seen), seen.found
    speed = np.array([object_class(likeliest(votes)).initial_speed for votes in seen.classes]).reshape(-1)
    # without odometry the robot's own motion adds to that of the objects, unless it is seen in most of them
    speed = speed * (1.0 if over_ground or common is None else KNOWN_MOTION)
    velocity = np.zeros((count, 2)) if common is None else common.copy()
    covariance = (speed**2)[:, None, None] * np.eye(2)
    known = np.flatnonzero(seen.with_velocity)
    if len(known):
        assert found.velocities is not None
        assert found.velocity_covariances is not None
        velocity[known], covariance[known] = found.velocities[known], found.velocity_covariances[known]
    trail = np.full((count, TRAIL), -1)
    trail[:, 0] = seen.number
    return TrackTable(
        id=first_id + np.arange(count),
        belief=np.array([*(dict(votes) for votes in seen.classes), None], dtype=object)[:-1],
        motion=motion_models.initial_motion(found.boxes[:, X], seen.variance, velocity, covariance, over_ground),
        rest=found.boxes[:, 2:].copy(),
        score=found.scores.copy(),
        confidence=np.zeros(count),
        hits=np.ones(count, np.int64),
        first_seen_ns=np.full(count, stamp_ns),
        seen_ns=np.full(count, stamp_ns),
        velocity_seen=seen.with_velocity,
        trail=trail,
        log_odds=np.zeros(count),
    )
