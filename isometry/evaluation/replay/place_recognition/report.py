"""The report of a replay: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.answers import tiles, warning_section
from isometry.evaluation.replay.place_recognition import plots
from isometry.evaluation.replay.place_recognition.judgement import REVISIT_RADIUS_M, Judgement
from isometry.evaluation.replay.plots import latency_histogram, states_over_time
from isometry.evaluation.replay.recording import PlaceRecognitionRecording


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: PlaceRecognitionRecording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    return write_page(
        folder / "report.html",
        "Place recognition",
        f"{provenance['data']} · {provenance['date']}",
        headline(figures),
        warning_section(figures, recording) + _sections(figures, provenance, recording, judgement),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    judged: list[tuple[str, str]] = []
    if figures["judged"]:
        error = figures["translation_error_m"]["median"], figures["rotation_error_deg"]["median"]
        judged += [
            (share(figures["recall_at_1"]), f"recall@1 verified ({share(figures['recall_at_1_retrieval'])} retrieval)"),
            (share(figures["pose_success"]), "accepted poses right (< 2 m, < 5°)"),
            (number(error[0], "m") + ", " + number(error[1], "°"), "pose error, median"),
            (share(figures["wrong_accepted"]), "wrong poses accepted"),
            (
                f"{number(figures['path_error_m'], 'm')}",
                f"path error with loops ({number(figures['odometry_path_error_m'], 'm')} odometry alone)",
            ),
        ]
    return [*judged, *tiles(figures)]


def _sections(
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: PlaceRecognitionRecording,
    judgement: Judgement | None,
) -> str:
    latency = pair(
        section(
            "Latency", "From the publication of a scan to the arrival of its answer.", latency_histogram(recording)
        ),
        section("State", "Of each report of the node.", states_over_time(recording)),
    )
    measured = section("Figures", "", table=rows({name: value for name, value in figures.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    last = section("Last report of the node", "From its /diagnostics.", table=rows(figures["node"]))
    if judgement is None:
        note = "The bag has no true poses, so that nothing could be judged."
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
