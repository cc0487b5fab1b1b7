"""The report of a replay of depth and ego-motion: one HTML page that needs no network, and its figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import number, section
from isometry.evaluation.common.plot_style import BLUE, GREEN, with_axes
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.odometry import judgement as odometry
from isometry.evaluation.replay.odometry.judgement import Judgement
from isometry.evaluation.replay.odometry.sections import sections
from isometry.evaluation.replay.page import write_replay_page
from isometry.evaluation.replay.plots import path_from_above
from isometry.evaluation.replay.recording import DepthEgomotionRecording

OF_THE_MAP = ("keyframes", "loops", "found_again")
OF_IMAGES = ("lost", "unconstrained", "frozen", "nothing_in_image", "camera_changes")
"""What has happened, as the node counts it, of the map and at single images."""


def figures(recording: DepthEgomotionRecording, judgement: Judgement | None) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured."""
    counts = {name: int(recording.diagnostics.get(name, 0)) for name in OF_THE_MAP + OF_IMAGES}
    largest_m = float(np.linalg.norm(np.diff(recording.T_odom_base[:, :3, 3], axis=0), axis=1).max(initial=0.0))
    return odometry.figures(recording, judgement) | counts | {"largest_step_m": largest_m}


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: DepthEgomotionRecording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    text = "As they are at the end, beside the odometry, which is never corrected."
    boxes = sections(recording, judgement, "image") + section("Keyframes in the map", text, _keyframes(recording))
    title = "Depth and ego-motion"
    return write_replay_page(folder, title, figures, provenance, recording, headline(figures), boxes)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    path = (number(figures["path_m"], "m"), "length of the path")
    if figures["judged"]:
        of = number(figures["true_path_m"], "m")
        path = number(figures["path_error_m"], "m"), f"error of the odometry, root mean square, on a path of {of}"
    return [
        path,
        (f"{figures['keyframes']}", f"keyframes, {figures['loops']} loops"),
        (f"{figures['lost']}", f"images lost, found again {figures['found_again']} times"),
        *tiles(figures),
    ]


def _keyframes(recording: DepthEgomotionRecording) -> go.Figure:
    figure = with_axes("x, m", "y, m", height=620)
    path_from_above(figure, recording.T_odom_base[:, :3, 3], "odometry", BLUE, "dot")
    path_from_above(figure, recording.T_map_keyframe[:, :3, 3], "keyframes", GREEN)
    return figure
