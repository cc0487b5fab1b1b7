"""The plot of latencies, the same for every node that is replayed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.plot_style import BLUE, RED, with_axes
from isometry.evaluation.replay.recording import NodeRecording


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
