"""The parts of a report that replays of all kinds of odometry have."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import number, pair, section
from isometry.evaluation.common.plot_style import BLUE, with_axes
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.odometry.judgement import Judgement
from isometry.evaluation.replay.page import latency_section, states_section
from isometry.evaluation.replay.plots import over_time, path_from_above
from isometry.evaluation.replay.recording import OdometryRecording


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    if not figures["judged"]:
        return [(number(figures["path_m"], "m"), "length of the path"), *tiles(figures)]
    drift = number(figures["final_error_percent"], "%")
    return [
        (number(figures["final_error_m"], "m"), f"error at the end of {number(figures['true_path_m'], 'm')} ({drift})"),
        (number(figures["final_error_deg"], "°"), "error of the heading and tilt there"),
        *tiles(figures),
    ]


def sections(recording: OdometryRecording, judgement: Judgement | None, message: str) -> str:
    """Path, errors where they are known, covariance, states, latency; `message` is what the node answers."""
    text = "The true path begins where odometry does." if judgement else "The bag has no true poses to compare with."
    boxes = section("Path", text, _path(recording, judgement))
    if judgement is not None:
        drift = with_axes("metres of the true path", "metres of error")
        drift.add_scatter(x=judgement.travelled_m, y=judgement.position_error_m, mode="lines", line={"color": BLUE})
        errors = judgement.T_odom_base[:, :3, 3] - judgement.T_odom_true[:, :3, 3]
        by_axis = over_time(judgement.stamps_ns, int(recording.scan_stamps_ns[0]), errors, "xyz", "metres of error")
        boxes += pair(section("Drift", "Without any correction.", drift), section("Error by axis of odom", "", by_axis))
    deviations = np.sqrt(np.diagonal(recording.covariances, axis1=1, axis2=2)[:, :3])
    start_ns = int(recording.scan_stamps_ns[0])
    expected = over_time(recording.answer_stamps_ns, start_ns, deviations, "xyz", "metres")
    boxes += pair(
        section("Standard deviation of the position", "As published, along the axes of odom.", expected),
        states_section(recording),
    )
    return boxes + latency_section(recording, message, "pose")


def _path(recording: OdometryRecording, judgement: Judgement | None) -> go.Figure:
    figure = with_axes("x, m", "y, m", height=620)
    if judgement is not None:
        path_from_above(figure, judgement.T_odom_true[:, :3, 3], "true path", "#111827")
    path_from_above(figure, recording.T_odom_base[:, :3, 3], "odometry", BLUE)
    return figure
