"""The scenes that the benchmark tracks."""

from __future__ import annotations

import numpy as np

from benchmarks.tracking import crowded, road_detections, run
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.tracks.baseline import BaselineTracker
from isometry.tracking.tracks.tracker import Tracker


def test_traffic_is_followed_by_fewer_tracks_than_it_has_detections() -> None:
    given = road_detections()
    assert len(given) == 100
    assert 5 < np.mean([len(each) for each in given]) < 60
    for tracker in (Tracker(TrackingParameters()), BaselineTracker()):
        told = run(tracker.process, given)
        ids = {track.id for step in told for track in step.tracks}
        assert 5 < len(ids) < 0.1 * sum(len(each) for each in given)


def test_a_crowd_keeps_its_tracks() -> None:
    told = run(Tracker(TrackingParameters()).process, [crowded(k) for k in range(4)])
    assert {track.id for track in told[-1].tracks} == {track.id for track in told[1].tracks}
    assert len(told[-1].tracks) == 400
