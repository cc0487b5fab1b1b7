"""The report on tracking: figures, what they are at each recall, where tracks went, and the worst misses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from isometry.evaluation.common.page import grid, number, pair, rows, section, share, write_page
from isometry.evaluation.tracking import plots
from isometry.evaluation.tracking.measure import ClassResult, Run
from isometry.evaluation.tracking.objects import Followed
from isometry.evaluation.tracking.protocol import clear_at, matches

SEQUENCES_SHOWN, OBJECTS_LISTED, MISSES_SHOWN, FALSE_SHOWN = 3, 20, 2, 2
FIGURES = {
    "sAMOTA": "sAMOTA",
    "AMOTA": "AMOTA",
    "MOTA": "MOTA",
    "MOTP": "MOTP",
    "HOTA": "HOTA",
    "IDF1": "IDF1",
    "id_switches": "id switches",
    "fragmentations": "fragments",
    "false_positives": "false",
    "false_negatives": "missed",
    "recall": "recall",
    "precision": "precision",
    "score": "least score",
}
OBJECT = {
    "sequence": "sequence",
    "id": "id",
    "label": "label",
    "frames": "frames",
    "asked": "that count",
    "coverage": "share found",
    "ids": "tracks",
    "longest_gap": "longest gap",
    "speed_m_s": "speed, m/s",
    "speed_error_m_s": "wrong by, m/s",
}


def write_report(path: Path, figures: dict[str, Any], results: Sequence[ClassResult]) -> Path:
    """Write the page of the figures of `isometry evaluate tracking`, and of what they came from; returns its path."""
    return write_page(
        path,
        "Tracking",
        f"{figures['data']} · tracker {figures['model']['name']} · {figures['date']}",
        headline(figures, results[0]),
        _sections(figures, results),
    )


def headline(figures: dict[str, Any], result: ClassResult) -> list[tuple[str, str]]:
    """The tiles at the top of the page: values as text, and what they are."""
    iou, curve = next(iter(result.curves.items()))
    found = f"{share(curve.best.recall)} found, {share(curve.best.precision)} of tracks right"
    tiles = [
        (f"{figures['sAMOTA']:.4f}", f"sAMOTA, {result.label} at IoU {iou:g}"),
        (f"{figures['MOTA']:.4f}", f"MOTA at its best score ({found})"),
        (str(figures["id_switches"]), "id switches there"),
        (f"{figures['HOTA']:.4f}", f"HOTA there (IDF1 {figures['IDF1']:.4f})"),
        (f"{figures['frames_per_second']:.0f}", "frames a second inside the tracker, one thread"),
    ]
    if figures.get("turn_error_m") is not None:
        tiles.append((number(figures["turn_error_m"], "m"), "largest difference when all is turned"))
    return tiles


def false_tracks(run: Run, iou: float, score: float) -> list[tuple[int, int, int]]:
    """Tracks of a sequence with false alarms: how many, the id, a frame in the middle of them; the most first."""
    spare = (run.judged.mean_scores >= score) & ~run.judged.track_optional
    spare[matches(run.judged, iou, score)[1]] = False
    ids, counts = np.unique(run.tracks.ids[spare], return_counts=True)
    found = []
    for k in np.argsort(-counts, kind="stable"):
        frames = np.sort(run.tracks.frames[spare & (run.tracks.ids == ids[k])])
        found.append((int(counts[k]), int(ids[k]), int(frames[len(frames) // 2])))
    return found


def _sections(figures: dict[str, Any], results: Sequence[ClassResult]) -> str:
    first = results[0]
    iou, curve = next(iter(first.curves.items()))
    by_overlap = [
        [label, overlap, *(values[name] for name in FIGURES)]
        for label, of_class in figures["classes"].items()
        for overlap, values in of_class["ious"].items()
    ]
    shown = section(
        "Figures",
        "sAMOTA and AMOTA are means over 40 recalls; the others are of the tracks above the score of the best MOTA.",
        table=grid(["class", "IoU", *FIGURES.values()], by_overlap),
    )
    shown += pair(
        section(
            "Over recall",
            f"{first.label}, at each overlap that a match needs.",
            plots.over_recall(list(first.curves.values())),
        ),
        section("By sequence", f"{first.label} at IoU {iou:g}.", table=_by_sequence(figures, first)),
    )
    for run in _worst_runs(first, iou):
        name = run.sequence.sequence
        shown += pair(
            section(
                f"Sequence {name} from above", "In the frame of the tracks.", plots.from_above(run, curve.best.score)
            ),
            section(f"Sequence {name} over time", "Each object's tracks.", plots.over_time(run, iou, curve.best.score)),
        )
    objects = sorted(first.objects, key=_missed, reverse=True)
    shown += section(
        "Objects",
        f"Those of {len(objects)} that were missed most; all of them are in the JSON.",
        table=grid(
            list(OBJECT.values()),
            [[getattr(each, name) for name in OBJECT] for each in objects[:OBJECTS_LISTED]],
        ),
    )
    misses = [_miss(first, each) for each in objects[:MISSES_SHOWN] if each.gap_frame is not None]
    misses += _false_alarms(first, iou, curve.best.score)
    shown += "".join(pair(left, right) for left, right in zip_longest(misses[::2], misses[1::2], fillvalue=""))
    made = {name: figures[name] for name in ("data", "commit", "date", "model", "machine", "libraries", "isometry")}
    return shown + section("How it was made", "", table=rows(made))


def _by_sequence(figures: dict[str, Any], result: ClassResult) -> str:
    names = {
        "MOTA": "MOTA",
        "recall": "recall",
        "id_switches": "ids",
        "false_positives": "false",
        "false_negatives": "missed",
    }
    sequences = figures["classes"][result.label]["sequences"]
    return grid(
        ["sequence", *(FIGURES[name] for name in names)],
        [[name, *(None if values is None else values[each] for each in names)] for name, values in sequences.items()],
    )


def _worst_runs(result: ClassResult, iou: float) -> list[Run]:
    """Sequences with the most misses, false alarms and switches, of those in which something has to be found."""
    wrong = []
    for k, run in enumerate(result.runs):
        if not run.judged.truth_optional.all():
            clear = clear_at(run.judged, iou, result.curves[iou].best.score)
            wrong.append((-clear.false_positives - clear.false_negatives - 10 * clear.id_switches, k))
    return [result.runs[k] for _, k in sorted(wrong)[:SEQUENCES_SHOWN]]


def _missed(each: Followed) -> float:
    return each.asked * (1.0 - each.coverage)


def _miss(result: ClassResult, each: Followed) -> str:
    run = next(run for run in result.runs if run.sequence.sequence == each.sequence)
    assert each.gap_frame is not None
    row = np.flatnonzero((run.truth.ids == each.id) & (run.truth.frames == each.gap_frame))[0]
    return section(
        f"A miss: {each.label} {each.id} of sequence {each.sequence}",
        f"Frame {each.gap_frame}, in the middle of {each.longest_gap} frames without a track.",
        plots.overlay(run, each.gap_frame, run.truth.boxes[row, :2]),
    )


def _false_alarms(result: ClassResult, iou: float, score: float) -> list[str]:
    found = [(each, run) for run in result.runs for each in false_tracks(run, iou, score)[:FALSE_SHOWN]]
    shown = []
    for (count, track, frame), run in sorted(found, key=lambda pair: -pair[0][0])[:FALSE_SHOWN]:
        row = np.flatnonzero((run.tracks.ids == track) & (run.tracks.frames == frame))[0]
        shown.append(
            section(
                f"A false alarm: track {track} of sequence {run.sequence.sequence}",
                f"Frame {frame}, one of {count} without a match; mean score {run.judged.mean_scores[row]:.3g}.",
                plots.overlay(run, frame, run.tracks.boxes[row, :2]),
            )
        )
    return shown
