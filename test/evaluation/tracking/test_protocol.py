from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isometry.arrays import Array
from isometry.evaluation.tracking.identity import identity
from isometry.evaluation.tracking.protocol import JudgedSequence, clear_at, evaluate, matches, score_steps

IOU = 0.25


def sequence_of(
    truth: dict[int, str], tracks: dict[int, tuple[float, dict[int, int]]], far: dict[int, list[int]] | None = None
) -> JudgedSequence:
    """Objects that are 10 m apart, and the object at which a track is in a frame.

    A letter a frame describes an object: `o` must be found, `?` may be missed, `.` is not labelled. Tracks are named by
    id, with a score; `far` are false alarms: frames by the id of their track.
    """
    labelled = [(f, n, 10.0 * n, letter == "?") for n, line in truth.items() for f, letter in enumerate(line)]
    labelled = [row for row in labelled if truth[row[1]][row[0]] != "."]
    tracked = [(f, n, 10.0 * at, score) for n, (score, where) in tracks.items() for f, at in where.items()]
    tracked += [(f, n, -1000.0 - 10.0 * n, 0.5) for n, frames in (far or {}).items() for f in frames]
    frames, ids, places, optional = np.array(labelled).T
    track_frames, track_ids, track_places, scores = np.array(tracked, dtype=float).reshape(-1, 4).T
    return JudgedSequence(
        frames.astype(np.int64),
        ids.astype(np.int64),
        boxes_at(places),
        optional.astype(bool),
        track_frames.astype(np.int64),
        track_ids.astype(np.int64),
        boxes_at(track_places),
        scores,
        np.zeros(len(tracked), bool),
    )


def boxes_at(x: Array) -> Array:
    """Cars at those places."""
    return np.column_stack([x, *np.tile([[0.0], [0.0], [4.0], [2.0], [1.5], [0.3]], (1, len(x)))])


def through(frames: range, at: int) -> dict[int, int]:
    return dict.fromkeys(frames, at)


def test_a_perfect_tracker_reaches_all_there_is() -> None:
    sequence = sequence_of({1: "o" * 100}, {7: (0.9, through(range(100), 1))})
    curve = evaluate(sequence, IOU)
    assert len(curve.points) == 40
    np.testing.assert_allclose([curve.sAMOTA, curve.AMOTP], 1.0)
    assert (curve.best.MOTA, curve.best.recall, curve.best.precision) == (1.0, 1.0, 1.0)
    assert (curve.best.mostly_tracked, curve.best.mostly_lost) == (1.0, 0.0)
    figures = identity(sequence, IOU, curve.best.score)
    np.testing.assert_allclose([figures.HOTA, figures.IDF1], 1.0)


def test_mota_counts_misses_false_alarms_and_switches() -> None:
    # 20 object-frames: 3 are missed, 2 false alarms, and the id of object 1 changes once.
    tracks = {
        5: (0.9, through(range(5), 1)),
        6: (0.9, through(range(5, 10), 1)),
        7: (0.9, through(range(3, 10), 2)),
    }
    sequence = sequence_of({1: "o" * 10, 2: "o" * 10}, tracks, far={9: [0, 1]})
    clear = clear_at(sequence, IOU, -np.inf)
    assert (clear.true_positives, clear.false_negatives, clear.false_positives, clear.id_switches) == (17, 3, 2, 1)
    np.testing.assert_allclose(clear.MOTA, 1.0 - 6.0 / 20.0)
    np.testing.assert_allclose([clear.recall, clear.precision], [17.0 / 20.0, 17.0 / 19.0])


def test_the_mean_score_of_a_track_decides_whether_it_counts() -> None:
    # The scores of the true track are 0.4 and 0.8 in turn, 0.6 in the mean; the false one has 0.5.
    sequence = sequence_of({1: "o" * 10}, {1: (0.0, through(range(10), 1))}, far={2: list(range(4))})
    scores = sequence.track_scores.copy()
    scores[:10] = [0.4, 0.8] * 5
    curve = evaluate(replace(sequence, track_scores=scores), IOU)
    np.testing.assert_allclose(curve.best.score, 0.6)
    assert curve.best.MOTA == 1.0
    np.testing.assert_allclose(clear_at(sequence, IOU, -np.inf).MOTA, 0.6)


def test_smota_is_mota_as_if_the_recall_could_be_no_more() -> None:
    # One of two objects is found with a high score and the other one with a low one, so that half the recalls are
    # reached without any false alarm, and the other half with 50 of them in 200 object-frames.
    tracks = {1: (0.9, through(range(100), 1)), 2: (0.1, through(range(100), 2))}
    sequence = sequence_of({1: "o" * 100, 2: "o" * 100}, tracks, far={3: list(range(50))})
    scores = np.where(sequence.track_ids == 3, 0.1, sequence.track_scores)
    curve = evaluate(replace(sequence, track_scores=scores), IOU)
    aimed = np.arange(1, 41) / 40.0
    # 1 - (50 - 200 (1 - r)) / (200 r), which is more than 1 up to r = 0.75
    expected = np.where(aimed < 0.5125, 1.0, np.minimum(1.0, 0.75 / aimed))
    np.testing.assert_allclose([point.sMOTA for point in curve.points], expected)
    np.testing.assert_allclose(curve.sAMOTA, expected.mean())


def test_hota_and_idf1_of_an_object_whose_track_changes_halfway() -> None:
    # Each match shares 5 of 10 frames with its pair, so that AssA is 1/2; IDF1 keeps one of the two halves.
    tracks = {5: (0.9, through(range(5), 1)), 6: (0.9, through(range(5, 10), 1))}
    figures = identity(sequence_of({1: "o" * 10}, tracks), IOU, -np.inf)
    np.testing.assert_allclose([figures.DetA, figures.AssA, figures.HOTA], [1.0, 0.5, np.sqrt(0.5)])
    np.testing.assert_allclose(figures.IDF1, 0.5)


@pytest.mark.parametrize(
    ("line", "track", "switches", "fragmentations"),
    [
        pytest.param("oooooo", "aaabbb", 1, 1, id="a switch"),
        pytest.param("oooooo", "aa.aaa", 0, 1, id="a gap"),
        pytest.param("oooooo", "aa.bbb", 0, 1, id="another id after a gap is no switch, as KITTI counts"),
        pytest.param("oooooo", "aaaa..", 0, 0, id="an end"),
        pytest.param("oooooo", "..aaaa", 0, 0, id="a late start"),
        pytest.param("ooo?oo", "aaa.bb", 0, 0, id="a frame that may be missed breaks the chain"),
        pytest.param("ooo?oo", "aaabbb", 0, 0, id="so it does where it is tracked"),
        pytest.param("?ooooo", "abbbbb", 1, 1, id="but not as the first frame"),
        pytest.param("oooooo", "aaaaab", 1, 1, id="in the last frame"),
        pytest.param("ooo.oo", "aaa.bb", 1, 1, id="frames without a label are not there"),
        pytest.param("??????", "ababab", 0, 0, id="an object that may be missed has none"),
    ],
)
def test_switches_and_fragmentations(line: str, track: str, switches: int, fragmentations: int) -> None:
    ids = {name: {f: 1 for f, letter in enumerate(track) if letter == name} for name in "ab"}
    tracks = {number: (0.9, ids[name]) for number, name in enumerate("ab", start=1) if ids[name]}
    clear = clear_at(sequence_of({1: line, 2: "oooooo"}, tracks), IOU, -np.inf)
    assert (clear.id_switches, clear.fragmentations) == (switches, fragmentations)


def test_what_may_be_missed_is_neither_missed_nor_a_false_alarm() -> None:
    sequence = sequence_of(
        {1: "oooo", 2: "????", 3: "????"}, {1: (0.9, through(range(4), 1)), 2: (0.9, through(range(4), 2))}
    )
    clear = clear_at(sequence, IOU, -np.inf)
    assert (clear.MOTA, clear.false_negatives, clear.false_positives) == (1.0, 0, 0)
    assert identity(sequence, IOU, -np.inf).IDF1 == 1.0


def test_spare_tracks_that_are_no_false_alarms_do_not_count() -> None:
    sequence = sequence_of({1: "oooo"}, {1: (0.9, through(range(4), 1))}, far={2: [0, 1], 3: [2]})
    optional = replace(sequence, track_optional=sequence.track_ids == 2)
    assert clear_at(optional, IOU, -np.inf).false_positives == 1
    np.testing.assert_allclose(identity(optional, IOU, -np.inf).IDF1, 2.0 * 4.0 / (4.0 + 5.0))


def test_most_matches_come_first_and_then_the_best_overlap() -> None:
    # Track 1 lies best on object 1, but only so can track 2, which reaches object 1 alone, be matched as well.
    truth, tracked = boxes_at(np.array([0.0, 2.0])), boxes_at(np.array([0.2, -1.5]))
    sequence = JudgedSequence(
        np.zeros(2, np.int64),
        np.array([1, 2]),
        truth,
        np.zeros(2, bool),
        np.zeros(2, np.int64),
        np.array([1, 2]),
        tracked,
        np.ones(2),
        np.zeros(2, bool),
    )
    rows, columns = matches(sequence, IOU, -np.inf)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]
    np.testing.assert_array_equal(matches(sequence, 0.6, -np.inf), [[0], [0]])


def test_the_scores_that_reach_each_recall() -> None:
    # 400 matches of 400 objects: recall k/40 is reached with the (10 k)th score.
    scores, recalls = score_steps(np.arange(1.0, 401.0), 400)
    np.testing.assert_allclose(recalls, np.arange(1, 41) / 40.0)
    np.testing.assert_allclose(scores, 401.0 - 10.0 * np.arange(1, 41))
    # Only half of the objects are matched: higher recalls have no score.
    assert len(score_steps(np.arange(1.0, 201.0), 400)[0]) == 20


def test_sequences_one_after_the_other_are_kept_apart() -> None:
    one = sequence_of({1: "oooo"}, {1: (0.9, through(range(4), 1))})
    other = sequence_of({1: "oooo"}, {1: (0.3, through(range(2), 1))}, far={2: [3]})
    together = JudgedSequence.joined([one, other])
    clear = clear_at(together, IOU, -np.inf)
    assert (clear.true_positives, clear.false_negatives, clear.false_positives, clear.id_switches) == (6, 2, 1, 0)
    np.testing.assert_allclose(together.mean_scores, [0.9] * 4 + [0.3, 0.3, 0.5])
    np.testing.assert_allclose(identity(together, IOU, -np.inf).IDF1, 2.0 * 6.0 / (8.0 + 7.0))


def test_without_tracks_everything_is_missed() -> None:
    sequence = sequence_of({1: "oooo"}, {})
    curve = evaluate(sequence, IOU)
    assert (curve.sAMOTA, curve.best.MOTA, curve.best.false_negatives) == (0.0, 0.0, 4)
    assert identity(sequence, IOU, -np.inf).HOTA == 0.0


def test_without_anything_to_find_there_are_no_figures() -> None:
    with pytest.raises(ValueError, match="nothing of the class is labelled"):
        evaluate(sequence_of({1: "????"}, {1: (0.9, through(range(4), 1))}), IOU)


def random_sequence(seed: int, objects: int = 12, frames: int = 60) -> JudgedSequence:
    """Objects that cross each other, tracks of them with noise, gaps and exchanged ids, and false alarms."""
    random = np.random.default_rng(seed)
    rows: list[tuple[float, ...]] = []
    tracked: dict[tuple[int, int], tuple[float, ...]] = {}
    for n in range(objects):
        start, end = np.sort(random.integers(0, frames, 2))
        place, velocity = random.uniform(-12.0, 12.0, 2), random.uniform(-0.5, 0.5, 2)
        size, yaw = random.uniform(0.9, 1.1, 3) * [4.0, 1.8, 1.5], np.arctan2(velocity[1], velocity[0])
        own = 2 * n
        for frame in range(start, end + 1):
            box = np.array([*(place + velocity * (frame - start)), 0.0, *size, yaw])
            rows.append((frame, n, random.random() < 0.15, *box))
            if random.random() < 0.05:  # a new id, or the one of another object
                own = int(random.choice([2 * n, 2 * n + 1, (2 * n + 2) % (2 * objects)]))
            if random.random() < 0.85:
                noise = random.normal(size=7) * [0.5, 0.3, 0.1, 0.2, 0.1, 0.1, 0.1]
                tracked.setdefault((frame, own), (random.random() < 0.1, *(box + noise)))
    for n in range(2 * objects, 3 * objects):
        for frame in range(*np.sort(random.integers(0, frames, 2))):
            box = np.array([*random.uniform(-12.0, 12.0, 2), 0.0, 4.0, 1.8, 1.5, 0.0])
            tracked[frame, n] = (random.random() < 0.3, *box)
    scores = random.permutation(3 * objects) - objects * (np.arange(3 * objects) >= 2 * objects)
    truth, tracks, names = np.array(rows), np.array(list(tracked.values())), np.array(list(tracked))
    return JudgedSequence(
        truth_frames=truth[:, 0].astype(np.int64),
        truth_ids=truth[:, 1].astype(np.int64),
        truth_boxes=truth[:, 3:],
        truth_optional=truth[:, 2].astype(bool),
        track_frames=names[:, 0],
        track_ids=names[:, 1],
        track_boxes=tracks[:, 1:],
        track_scores=scores[names[:, 1]].astype(np.float64),
        track_optional=tracks[:, 0].astype(bool),
    )


# Figures of AB3DMOT's own evaluation of those sequences, written as KITTI files: truncated where an object may be
# missed, 20 pixels high where a track is no false alarm.
PUBLISHED = {
    (0, 0.25): (0.217456, 0.001923, 0.468154, 0.195266, 0.514412, 37, 0, 136, 0, 2, 0.083333, 0.666667),
    (2, 0.25): (0.557705, 0.194189, 0.469378, 0.372973, 0.554959, 106, 9, 107, 0, 4, 0.25, 0.5),
    (3, 0.5): (0.197492, 0.020238, 0.381685, 0.133333, 0.638002, 90, 48, 134, 0, 10, 0.090909, 0.363636),
    (4, 0.5): (0.245808, 0.037805, 0.450673, 0.160976, 0.639268, 61, 18, 154, 0, 8, 0.083333, 0.666667),
}


@pytest.mark.parametrize(("seed", "iou"), PUBLISHED)
def test_figures_are_those_of_the_published_evaluation(seed: int, iou: float) -> None:
    curve = evaluate(random_sequence(seed), iou)
    best = curve.best
    figures = (
        *(curve.sAMOTA, curve.AMOTA, curve.AMOTP, best.MOTA, best.MOTP),
        *(best.true_positives, best.false_positives, best.false_negatives, best.id_switches, best.fragmentations),
        *(best.mostly_tracked, best.mostly_lost),
    )
    np.testing.assert_allclose(figures, PUBLISHED[seed, iou], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), other=st.integers(0, 10_000))
def test_the_order_of_rows_and_the_numbering_of_ids_do_not_matter(seed: int, other: int) -> None:
    sequence = random_sequence(seed)
    random = np.random.default_rng(other)
    truth, track = random.permutation(len(sequence.truth_ids)), random.permutation(len(sequence.track_ids))
    columns = (
        getattr(sequence, field.name)[truth if field.name.startswith("truth") else track]
        for field in fields(JudgedSequence)
    )
    shuffled = JudgedSequence(*columns)
    shuffled = replace(shuffled, track_ids=7000 - 3 * shuffled.track_ids, truth_ids=50 - shuffled.truth_ids)
    one, two = evaluate(sequence, IOU), evaluate(shuffled, IOU)
    np.testing.assert_allclose(two.sAMOTA, one.sAMOTA)
    assert two.best == replace(one.best, score=two.best.score, MOTP=two.best.MOTP)
    np.testing.assert_allclose(two.best.MOTP, one.best.MOTP)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counts_add_up(seed: int) -> None:
    sequence = random_sequence(seed)
    clear = clear_at(sequence, IOU, -np.inf)
    truth, _ = matches(sequence, IOU, -np.inf)
    assert (
        clear.true_positives - sequence.truth_optional[truth].sum() + clear.false_negatives
        == (~sequence.truth_optional).sum()
    )
    assert clear.id_switches <= clear.fragmentations + len(np.unique(sequence.truth_ids))
    assert all(0.0 <= point.sMOTA <= 1.0 for point in evaluate(sequence, IOU).points)
