"""The report of a replay: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, section, share
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.page import latency_section, states_section, write_replay_page
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
    sections = _sections(recording, judgement)
    return write_replay_page(folder, "Place recognition", figures, provenance, recording, headline(figures), sections)


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


def _sections(recording: PlaceRecognitionRecording, judgement: Judgement | None) -> str:
    latency = pair(latency_section(recording, "scan", "answer"), states_section(recording))
    if judgement is None:
        note = "The bag has no true poses, so that nothing could be judged."
        return section("Path", note, plots.path_without_truth(recording)) + latency
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
    return path + pair(curve, errors) + latency
