"""The simulated detections that the benchmark tracks."""

from __future__ import annotations

import numpy as np

from benchmarks.tracking import crowded, road_detections, run
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.tracks.baseline import BaselineTracker
from isometry.tracking.tracks.tracker import Tracker


def test_traffic_is_followed_by_fewer_tracks_than_it_has_detections() -> None:
    frames = road_detections()
    assert len(frames) == 100
    assert 5 < np.mean([len(each) for each in frames]) < 60
    for tracker in (Tracker(TrackingParameters()), BaselineTracker()):
        steps = run(tracker.process, frames)
        ids = {track.id for step in steps for track in step.tracks}
        assert 5 < len(ids) < 0.1 * sum(len(each) for each in frames)


def test_a_crowd_keeps_its_tracks() -> None:
    steps = run(Tracker(TrackingParameters()).process, [crowded(k) for k in range(4)])
    assert {track.id for track in steps[-1].tracks} == {track.id for track in steps[1].tracks}
    assert len(steps[-1].tracks) == 400
