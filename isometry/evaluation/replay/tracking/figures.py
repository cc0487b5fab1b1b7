"""Figures of a replay of tracking."""

from __future__ import annotations

from typing import Any

import numpy as np

from isometry.evaluation.common.statistics import percentile
from isometry.evaluation.replay.recording import TrackingRecording


def figures(recording: TrackingRecording) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured."""
    counts = np.bincount(recording.answers, minlength=len(recording.answer_stamps_ns))
    lengths = np.unique(recording.ids, return_counts=True)[1]
    return recording.figures() | {
        "ids": len(lengths),  # of tracks: an object that was lost and found again has a second one
        "tracks_median": percentile(counts, 50),
        "messages_of_a_track_median": percentile(lengths, 50),
        "frame": str(recording.frame),
    }
