"""Colours and axes of all plots of reports."""

from __future__ import annotations

import plotly.graph_objects as go

BLUE, GREEN, ORANGE, RED, GREY = "#2563eb", "#16a34a", "#f59e0b", "#dc2626", "#94a3b8"


def with_axes(x: str, y: str, height: int = 380) -> go.Figure:
    """An empty plot with titles of its axes; one higher than 400 pixels has a legend."""
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        xaxis_title=x,
        yaxis_title=y,
        showlegend=height > 400,
        legend={"orientation": "h", "y": 1.06},
    )
    return figure
