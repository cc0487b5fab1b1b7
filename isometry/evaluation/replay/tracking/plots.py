"""The plots of the report on a replay of tracking."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from isometry.arrays import Array
from isometry.evaluation.common.plot_style import with_axes
from isometry.evaluation.replay.plots import path_from_above
from isometry.evaluation.replay.recording import TrackingRecording

COLOURS = ("#2563eb", "#16a34a", "#f59e0b", "#7c3aed", "#0891b2", "#db2777", "#65a30d", "#9a3412")


def from_above(recording: TrackingRecording, T_frame_base: Array) -> go.Figure:
    """Where each track was, a colour for each, and the path of the robot, whose poses (A,4,4) may be NaN."""
    figure = with_axes("x, m", "y, m", height=700)
    for k, track in enumerate(np.unique(recording.ids)):
        own = recording.ids == track
        x, y = recording.boxes[own, :2].T
        labels, confidences = recording.labels[own], recording.confidences[own]
        text = [f"{label} {track}, {confidence:.2f}" for label, confidence in zip(labels, confidences, strict=True)]
        line = {"color": COLOURS[k % len(COLOURS)], "width": 2}
        figure.add_scattergl(
            x=x, y=y, mode="lines+markers", name=str(track), text=text, line=line, marker={"size": 3}, showlegend=False
        )
    path_from_above(figure, T_frame_base[:, :3, 3], "robot", "#111827")
    return figure
