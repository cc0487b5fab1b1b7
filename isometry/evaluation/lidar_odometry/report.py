"""The report on LiDAR odometry: figures, the path, and errors beside what the covariances say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.arrays import Array
from isometry.evaluation.common import plot_style
from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.lidar_odometry.measure import Driven
from isometry.geometry.covariance import AXES


def write_report(path: Path, figures: dict[str, Any], provenance: dict[str, Any], driven: Driven) -> Path:
    """Write the page; returns its path."""
    plots = [_error_and_sigma(driven, axis) for axis in range(6)]
    legend = "Grey: true; blue: odometry; red: where a direction is only predicted."
    sections = section("Path from above", legend, _path(driven))
    for left in range(0, 6, 2):
        sections += pair(*(section(f"Error, {AXES[k]}", "The band is two sigma.", plots[k]) for k in (left, left + 1)))
    sections += pair(
        section("Figures", "", table=rows(figures)), section("How it was made", "", table=rows(provenance))
    )
    subtitle = f"{provenance['data']} · {provenance['date']}"
    return write_page(path, "LiDAR odometry", subtitle, headline(figures), sections)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and labels."""
    inside = figures["inside_2_sigma"].values()
    standing = number(figures["step_error_m"]["standing"]["median"], "m")
    return [
        (number(figures["final_error_m"], "m"), f"error after {number(figures['path_m'], 'm')}"),
        (number(figures["step_error_m"]["odometry"]["median"], "m"), f"error of a step, median; standing: {standing}"),
        (f"{share(min(inside))} - {share(max(inside))}", "errors inside two sigma, by axis; 95.4 % is right"),
        (share(figures["unheld"]), "scans whose surfaces leave a direction free"),
        (share(figures["fitted"]), "scans that fit the scans before them"),
        (number(figures["step_ms"]["median"], "ms"), "a scan, one thread, median"),
    ]


def _path(driven: Driven) -> go.Figure:
    figure = plot_style.with_axes("x, metres", "y, metres", 460)
    found = np.array([step.T_odom_base[:2, 3] for step in driven.steps])
    free = np.array([bool(step.unheld) for step in driven.steps])
    figure.add_scatter(x=driven.T_true[:, 0, 3], y=driven.T_true[:, 1, 3], name="true", line_color=plot_style.GREY)
    figure.add_scatter(x=found[:, 0], y=found[:, 1], name="odometry", line_color=plot_style.BLUE)
    red = {"color": plot_style.RED, "size": 4}
    figure.add_scatter(x=found[free, 0], y=found[free, 1], mode="markers", name="unconstrained", marker=red)
    figure.update_yaxes(scaleanchor="x")
    return figure


def _error_and_sigma(driven: Driven, axis: int) -> go.Figure:
    factor, unit = (1.0, "metres") if axis < 3 else (180.0 / np.pi, "degrees")
    figure = plot_style.with_axes("metres driven", unit, 300)
    error: Array = factor * driven.errors[:, axis]
    band: Array = 2.0 * factor * np.sqrt(driven.covariances[:, axis, axis])
    quiet = {"line_color": plot_style.GREY, "line_width": 1}
    figure.add_scatter(x=driven.travelled, y=band, **quiet)
    figure.add_scatter(x=driven.travelled, y=-band, fill="tonexty", fillcolor="rgba(148,163,184,0.2)", **quiet)
    figure.add_scatter(x=driven.travelled, y=error, line_color=plot_style.BLUE)
    return figure
