"""Hypotheses of new tracks: which of them are compatible, and the best set."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.tracking.tracks.initiation import MOST, SETTLED, best_set, likeliest_of_each, open_rivals
from isometry.tracking.tracks.observations import observed
from isometry.tracking.tracks.track_table import TrackTable
from isometry.tracking.tracks.track_updates import new_tracks
from isometry.tracking.types import Detections


def hypotheses(ids: list[int], trails: list[list[int]], log_odds: Array) -> TrackTable:
    """Hypotheses of tracks with the numbers of their detections, the newest first."""
    boxes = np.tile([0.0, 0.0, 0.8, 4.0, 1.8, 1.5, 0.0], (len(ids), 1))
    table = new_tracks(
        observed(Detections(boxes, np.full(len(ids), 0.9), ("car",) * len(ids)), "any", 0), None, 1, 0, True
    )
    # boxes on one place would be of one object
    table = TrackTable.joined(table, table.take(np.zeros(len(ids) - len(table), np.intp)))
    table.id[:], table.log_odds[:] = ids, log_odds
    table.trail[:] = [trail + [-1] * (3 - len(trail)) for trail in trails]
    table.hits[:] = [len(trail) for trail in trails]
    return table


def compatible(table: TrackTable, rows: tuple[int, ...]) -> bool:
    used = [number for row in rows for number in table.trail[row] if number >= 0]
    return len(set(table.id[list(rows)].tolist())) == len(rows) and len(set(used)) == len(used)


def best_total(table: TrackTable) -> float:
    """An independent oracle: all sets are tried."""
    rows = range(len(table))
    sets = (each for size in range(1, len(table) + 1) for each in combinations(rows, size) if compatible(table, each))
    return max(float(table.log_odds[list(each)].sum()) for each in sets)


@pytest.mark.parametrize("seed", range(20))
def test_after_two_scans_no_set_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, trails = [], []
    for track in range(3):
        ids += [track] * 4 + [10 + track]
        trails += [[track], *([3 + k, track] for k in range(3)), [3 + track]]
    table = hypotheses(ids, trails, rng.uniform(0.0, 12.0, len(ids)))
    chosen = tuple(best_set(table).tolist())
    assert compatible(table, chosen)
    assert table.log_odds[list(chosen)].sum() == pytest.approx(best_total(table))


def test_hypotheses_that_share_an_older_detection_exclude_each_other() -> None:
    table = hypotheses([1, 2, 2], [[5, 3, 0], [6, 3, 1], [6, 4, 1]], np.array([20.0, 15.0, 9.0]))
    np.testing.assert_array_equal(np.sort(best_set(table)), [0, 2])


def test_a_track_without_a_detection_is_still_reported() -> None:
    table = hypotheses([1, 2], [[0], [1]], np.array([-2.3, -4.6]))
    assert len(best_set(table)) == 2


def test_a_settled_hypothesis_ends_its_rivals_and_hopeless_ones_end() -> None:
    table = hypotheses([1, 1, 2, 3, 4], [[5, 3, 0], [4, 0], [5], [6], [6, 2]], np.array([25.0, 2.0, 0.0, 0.0, 20.0]))
    settled, still_open = open_rivals(table, np.array([0, 4]))
    assert table.hits[settled].tolist() == [SETTLED]
    np.testing.assert_array_equal(still_open, [4])


def test_nothing_is_chosen_of_nothing() -> None:
    table = hypotheses([1], [[0]], np.zeros(1)).take(np.zeros(0, np.intp))
    assert len(best_set(table)) == 0


def test_a_track_goes_on_with_its_likeliest_hypotheses() -> None:
    rng = np.random.default_rng(0)
    tracks, log_odds = rng.integers(0, 5, 60), rng.normal(size=60)
    kept = likeliest_of_each(tracks, log_odds)
    for track in range(5):
        own = log_odds[tracks == track]
        np.testing.assert_allclose(np.sort(log_odds[kept[tracks[kept] == track]]), np.sort(own)[-MOST:])
