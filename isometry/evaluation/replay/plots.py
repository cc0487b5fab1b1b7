"""The plots that the reports of several nodes have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from isometry.arrays import Array, Integers
from isometry.evaluation.common.plot_style import BLUE, GREEN, ORANGE, RED, with_axes
from isometry.evaluation.replay.recording import NodeRecording

COLOURS = (BLUE, GREEN, ORANGE)


def latency_histogram(recording: NodeRecording) -> go.Figure:
    """How often each latency occurred, with its median and 99th percentile."""
    milliseconds = recording.latency_s * 1e3
    figure = with_axes("milliseconds", "messages")
    if not len(milliseconds):
        return figure
    p50, p99 = np.percentile(milliseconds, [50, 99])
    figure.add_histogram(x=milliseconds, nbinsx=80, marker={"color": BLUE})
    for value, name, side, shift in ((p50, "p50", "right", 0), (p99, "p99", "left", -16)):  # they may be neighbours
        text = f"{name} {value:.0f} ms"
        figure.add_vline(x=value, line={"dash": "dash", "color": RED}, annotation_text=text)
        figure.layout.annotations[-1].update(xanchor="left" if side == "right" else "right", yshift=shift)
    return figure


def states_over_time(recording: NodeRecording) -> go.Figure:
    """The state word of each report over the time of the bag."""
    figure = with_axes("seconds of the bag", "state")
    played = recording.report_scans > 0
    seconds = (recording.scan_stamps_ns[recording.report_scans[played] - 1] - recording.scan_stamps_ns[0]) * 1e-9
    figure.add_scatter(
        x=seconds, y=recording.report_states[played], mode="lines+markers", line={"shape": "hv", "color": BLUE}
    )
    return figure


def path_from_above(figure: go.Figure, positions: Array, name: str, colour: str, dash: str = "solid") -> None:
    """Add a path of positions (N,2 or more) to a figure of x and y."""
    x, y = positions[:, :2].T
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": colour, "dash": dash, "width": 2})
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)


def over_time(stamps_ns: Integers, start_ns: int, values: Array, names: Sequence[str], unit: str) -> go.Figure:
    """Curves (N, one for each name) over the seconds since `start_ns`."""
    figure = with_axes("seconds of the bag", unit)
    for name, column, colour in zip(names, values.T, COLOURS, strict=False):
        seconds = (stamps_ns - start_ns) * 1e-9
        figure.add_scatter(
            x=seconds, y=column, mode="lines+markers", name=name, line={"color": colour}, marker={"size": 4}
        )
    return figure
