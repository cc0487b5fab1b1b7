"""Plot of confidences against the share of right answers, with intervals of shares."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.stats import beta

from isometry.arrays import Array, Flags
from isometry.evaluation.common.calibration import reliability_curve
from isometry.evaluation.common.plot_style import BLUE, GREY, with_axes


def interval(hits: NDArray[np.integer], sizes: NDArray[np.integer]) -> tuple[Array, Array]:
    """Limits (N,) and (N,) of the 95 % intervals of shares, by the numbers (N,) of hits and of all (Jeffreys)."""
    low = np.where(hits == 0, 0.0, beta.ppf(0.025, hits + 0.5, sizes - hits + 0.5))
    high = np.where(hits == sizes, 1.0, beta.ppf(0.975, hits + 0.5, sizes - hits + 0.5))
    return low, high


def reliability_of(confidences: Array, right: Flags, noun: str) -> go.Figure:
    """The share of right answers (N,) over their confidence; `noun` names answers in the plural."""
    figure = with_axes("confidence", "share that is right", height=420)
    curve = reliability_curve(confidences, right)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, name="calibrated")
    accuracy = np.array([entry.accuracy for entry in curve])
    low, high = interval(np.array([round(e.accuracy * e.count) for e in curve]), np.array([e.count for e in curve]))
    figure.add_scatter(
        x=[entry.confidence for entry in curve],
        y=accuracy,
        mode="lines+markers",
        name="measured",
        line={"color": BLUE, "width": 3},
        marker={"size": [6.0 + 22.0 * np.sqrt(entry.count / len(right)) for entry in curve]},
        error_y={"array": high - accuracy, "arrayminus": accuracy - low, "thickness": 1, "width": 3},
        text=[f"{entry.count} {noun}" for entry in curve],
    )
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.04])
    return figure
