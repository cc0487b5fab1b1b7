"""The plots of the report on a replay of place recognition."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from isometry.arrays import Array
from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.common.trajectory import align
from isometry.evaluation.replay.place_recognition.judgement import Judgement, precision_recall
from isometry.evaluation.replay.plots import path_from_above
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.geometry import se3


def path(recording: PlaceRecognitionRecording, judgement: Judgement) -> go.Figure:
    """The true path, the corrected one and odometry alone from above, and whether each revisit was found."""
    truth = judgement.T_world_keyframe[:, :3, 3]
    corrected, odometry = (
        se3.apply(align(poses[:, :3, 3], truth), poses[:, :3, 3])
        for poses in (recording.T_map_keyframe, judgement.T_odom_keyframe)
    )
    figure = with_axes("x, m", "y, m", height=620)
    path_from_above(figure, odometry, "odometry alone", GREY, "dot")
    path_from_above(figure, truth, "true path", "#111827")
    path_from_above(figure, corrected, "with loops", BLUE)
    wrong = recording.accepted & (judgement.rotation_error_deg >= 0.0) & ~judgement.pose_right
    found = recording.accepted & judgement.found & ~wrong
    missed = judgement.has_revisit & ~recording.accepted
    position = judgement.T_world_base[:, :2, 3]
    _links(figure, position[found], truth[recording.keyframes[found], :2], GREEN)
    _links(figure, position[wrong], truth[recording.keyframes[wrong], :2], RED)
    for chosen, name, colour in ((found, "found", GREEN), (missed, "missed", ORANGE), (wrong, "wrong", RED)):
        x, y = position[chosen].T
        marker = {"color": colour, "size": 6}
        figure.add_scatter(x=x, y=y, mode="markers", name=f"{name} ({int(chosen.sum())})", marker=marker)
    return figure


def path_without_truth(recording: PlaceRecognitionRecording) -> go.Figure:
    """The keyframes from above, as the node's map has them."""
    figure = with_axes("x, m", "y, m", height=620)
    path_from_above(figure, recording.T_map_keyframe[:, :3, 3], "keyframes", BLUE)
    return figure


def precision_recall_curve(recording: PlaceRecognitionRecording, judgement: Judgement) -> go.Figure:
    """Precision over recall; the text of each point is its confidence."""
    confidence, precision, recall = precision_recall(recording, judgement)
    figure = with_axes("recall", "precision")
    text = [f"confidence {value:.3f}" for value in confidence]
    figure.add_scatter(x=recall, y=precision, mode="lines", text=text, line={"color": BLUE, "width": 3})
    figure.update_xaxes(range=[0.0, 1.02])
    figure.update_yaxes(range=[0.0, 1.02])
    return figure


def pose_errors(recording: PlaceRecognitionRecording, judgement: Judgement) -> go.Figure:
    """Yaw error over position error of accepted answers, both on logarithmic axes."""
    known = recording.accepted & np.isfinite(judgement.translation_error_m)
    figure = with_axes("metres in the plane", "degrees of yaw")
    for chosen, colour in ((known & judgement.pose_right, GREEN), (known & ~judgement.pose_right, RED)):
        figure.add_scatter(
            x=np.maximum(judgement.translation_error_m[chosen], 1e-3),
            y=np.maximum(judgement.rotation_error_deg[chosen], 1e-3),
            mode="markers",
            marker={"color": colour, "size": 5, "opacity": 0.6},
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    return figure


def _links(figure: go.Figure, start: Array, end: Array, colour: str) -> None:
    """A thin line from each query to the keyframe that it matched."""
    gap = np.full((len(start), 2), np.nan)
    x, y = np.stack([start, end, gap], axis=1).reshape(-1, 2).T
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": colour, "width": 1}, showlegend=False, hoverinfo="skip")
