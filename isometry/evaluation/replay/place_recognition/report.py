"""The report of a replay: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.latency import latency_histogram
from isometry.evaluation.replay.place_recognition import plots
from isometry.evaluation.replay.place_recognition.judgement import REVISIT_RADIUS_M, Judgement
from isometry.evaluation.replay.recording import PlaceRecognitionRecording


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: PlaceRecognitionRecording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    return write_page(
        folder / "report.html",
        "Place recognition",
        f"{provenance['data']} · {provenance['date']}",
        headline(figures),
        _sections(figures, provenance, recording, judgement),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    tiles: list[tuple[str, str]] = []
    if figures["judged"]:
        error = figures["translation_error_m"]["median"], figures["rotation_error_deg"]["median"]
        tiles += [
            (share(figures["recall_at_1"]), f"recall@1 verified ({share(figures['recall_at_1_retrieval'])} retrieval)"),
            (share(figures["pose_success"]), "accepted poses right (< 2 m, < 5°)"),
            (number(error[0], "m") + ", " + number(error[1], "°"), "pose error, median"),
            (share(figures["wrong_accepted"]), "wrong poses accepted"),
            (
                f"{number(figures['path_error_m'], 'm')}",
                f"path error with loops ({number(figures['odometry_path_error_m'], 'm')} odometry alone)",
            ),
        ]
    return [
        *tiles,
        (number(figures["latency_p50_ms"], "ms"), f"latency p50 (p99 {number(figures['latency_p99_ms'], 'ms')})"),
        (str(figures["drops"]), f"drops of {figures['scans']} scans ({figures['refused']} more refused)"),
        (str(figures["provider"]).removesuffix("ExecutionProvider"), "execution provider in use"),
    ]


def _sections(
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: PlaceRecognitionRecording,
    judgement: Judgement | None,
) -> str:
    latency = section(
        "Latency", "From the publication of a scan to the arrival of its answer.", latency_histogram(recording)
    )
    measured = section("Figures", "", table=rows({name: value for name, value in figures.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    last = section("Last report of the node", "From its /diagnostics.", table=rows(figures["node"]))
    if judgement is None:
        note = "The bag has no /ground_truth/pose, so that nothing could be judged."
        return section("Path", note, plots.path_without_truth(recording)) + latency + pair(measured, made) + last
    path = section(
        "Path and loops",
        f"Found: accepted, and the matched keyframe lies within {REVISIT_RADIUS_M:g} m. Missed: there was such a "
        "keyframe, and no answer was accepted. Wrong: accepted, and the pose is not right.",
        plots.path(recording, judgement),
    )
    curve = section(
        "Precision and recall",
        "Over the confidence from which an answer is accepted.",
        plots.precision_recall_curve(recording, judgement),
    )
    errors = section(
        "Pose error", "Of accepted answers, in the matched keyframe.", plots.pose_errors(recording, judgement)
    )
    return path + pair(curve, errors) + latency + pair(measured, made) + last
