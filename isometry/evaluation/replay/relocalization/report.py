"""The report of a replay of relocalisation: one HTML page that needs no network, and the same figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import number, pair, section, share
from isometry.evaluation.common.plot_style import BLUE, with_axes
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.page import latency_section, states_section, write_replay_page
from isometry.evaluation.replay.plots import over_time, path_from_above
from isometry.evaluation.replay.recording import RelocalizationRecording
from isometry.evaluation.replay.relocalization.judgement import Judgement


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: RelocalizationRecording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    sections = _sections(recording, judgement)
    return write_replay_page(folder, "Relocalisation", figures, provenance, recording, headline(figures), sections)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    scan = figures["first_pose_after_scans"]
    found = [("-" if scan is None else f"scan {scan}", f"first pose (found {figures['times_found']} times in all)")]
    if figures["judged"]:
        error = number(figures["position_error_m"]["median"], "m"), number(figures["rotation_error_deg"]["median"], "°")
        limits = f"(< {RIGHT_METRES:g} m, < {RIGHT_DEGREES:g}°)"
        found += [
            (", ".join(error), "pose error, median, where the true poses are in the frame of the map"),
            (share(figures["right"]), f"of the poses are right {limits}; {figures['wrong_poses']} are wrong"),
        ]
    return [*found, *tiles(figures)]


def _sections(recording: RelocalizationRecording, judgement: Judgement | None) -> str:
    start_ns = int(recording.scan_stamps_ns[0])
    text = "The bag has no true poses to compare with."
    if judgement is not None:
        text = "The true poses are taken to be in the frame of the map. If they are not, read path_error_m."
    boxes = section("Path", text, _path(recording, judgement))
    positions = over_time(recording.answer_stamps_ns, start_ns, recording.T_map_base[:, :3, 3], "xyz", "metres")
    boxes += section("Position over time", "In the frame of the map; a gap is a time without a pose.", positions)
    boxes += pair(
        states_section(recording),
        section("Confidence", "Of the last scan before each report.", _confidence(recording, start_ns)),
    )
    if judgement is not None:
        errors = np.column_stack([judgement.position_error_m, judgement.rotation_error_deg])
        curves = over_time(judgement.stamps_ns, start_ns, errors, ("metres", "degrees"), "error")
        boxes += section("Error over time", "Of the position and of the rotation.", curves)
    return boxes + latency_section(recording, "scan", "pose")


def _path(recording: RelocalizationRecording, judgement: Judgement | None) -> go.Figure:
    figure = with_axes("x, m", "y, m", height=620)
    if judgement is not None:
        path_from_above(figure, judgement.T_map_true[:, :3, 3], "true path", "#111827")
    x, y = recording.T_map_base[:, :2, 3].T
    figure.add_scatter(x=x, y=y, mode="markers", name="published poses", marker={"color": BLUE, "size": 5})
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)
    return figure


def _confidence(recording: RelocalizationRecording, start_ns: int) -> go.Figure:
    played = recording.report_scans > 0
    stamps_ns = recording.scan_stamps_ns[recording.report_scans[played] - 1]
    figure = over_time(stamps_ns, start_ns, recording.report_confidences[played, None], ("confidence",), "confidence")
    figure.update_yaxes(range=[0.0, 1.02])
    return figure
