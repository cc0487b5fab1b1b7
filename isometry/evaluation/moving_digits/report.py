"""The page on moving digits: error over frames and velocities, and what was predicted beside what came."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.datasets.moving_digits import SEEN, Images
from isometry.evaluation.common.page import pair, rows, section, write_page
from isometry.evaluation.common.plot_style import BLUE, ORANGE, with_axes
from isometry.evaluation.moving_digits.measure import TRAINED_UP_TO

COLOURS = {"flow": BLUE, "plain": ORANGE}
NAMES = {"flow": "flow-equivariant", "plain": "ordinary"}
SHOWN = (11, 13, 16, 20, 30, 50, 70)  # frames of the example


def write_report(path: Path, result: Mapping[str, Any], images: Images, following: Mapping[str, Images]) -> Path:
    """Write the page of figures and of one example: images (70,S,S) and what each network made of the first ten."""
    flow, plain = result["networks"]["flow"], result["networks"]["plain"]
    unit = "cell(s)" if result["motion"] == "translating" else "x 10°"
    trained, widest = str(TRAINED_UP_TO), max(flow["by_velocity"], key=int)
    tiles = [
        (
            f"{flow['error_seen_velocities']:.2g}",
            "mean squared error, flow-equivariant, at velocities trained on; ordinary: "
            f"{plain['error_seen_velocities']:.2g}",
        ),
        (
            f"{flow['error_widest_velocities']:.2g}",
            f"at velocities up to {widest} {unit} a step; ordinary: {plain['error_widest_velocities']:.2g}",
        ),
        (
            f"{flow['growth_with_length']:.2f} x",
            f"error of frames 21 to 70 over 11 to 20; ordinary: {plain['growth_with_length']:.2f} x",
        ),
        (f"{result['step_time_ratio']:.2f} x", "time of a step over the ordinary network's, equal channels"),
    ]
    sections = section(
        "What came and what was predicted",
        f"Frames {', '.join(map(str, SHOWN))} after ten that were seen, velocities up to {widest} {unit} a step.",
        example(images, following),
    )
    sections += pair(
        section(
            "Error over frames, velocities trained on",
            f"Up to {trained} {unit} a step; trained to predict to frame 20.",
            over_frames(result["networks"], trained),
        ),
        section(
            "Error over frames, wider velocities",
            f"Up to {widest} {unit} a step, of which up to {trained} were trained on.",
            over_frames(result["networks"], widest),
        ),
    )
    sections += section(
        "Error by velocity",
        "Mean squared error of frames 11 to 20 and 21 to 70.",
        table=by_velocity(result["networks"], unit),
    )
    origin = {name: value for name, value in result.items() if name not in ("networks", "motion")}
    return write_page(
        path,
        f"Moving digits: {result['motion']}",
        f"{result['data']} · {result['date']}",
        tiles,
        sections + section("How it was made", "", table=rows(origin)),
    )


def over_frames(networks: Mapping[str, Any], fastest: str) -> go.Figure:
    """Error of each predicted frame, logarithmic."""
    figure = with_axes("frame", "mean squared error", height=420)
    for name, of_network in networks.items():
        errors = of_network["by_velocity"][fastest]["by_frame"]
        frames = np.arange(SEEN + 1, SEEN + 1 + len(errors))
        line = {"color": COLOURS[name], "width": 3}
        figure.add_scatter(x=frames, y=errors, mode="lines", name=NAMES[name], line=line)
    figure.add_vline(x=20.5, line={"color": "#94a3b8", "dash": "dot"})
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    return figure


def example(images: Images, following: Mapping[str, Images]) -> go.Figure:
    """One row of images that came, and one of each network's."""
    picked = [frame - SEEN - 1 for frame in SHOWN]
    shown = {"came": images[SEEN:][picked], **{NAMES[name]: made[picked] for name, made in following.items()}}
    size = images.shape[-1]
    tiled = np.concatenate(
        [
            np.concatenate(list(np.pad(row, [(0, 0), (0, 1), (0, 1)], constant_values=0.5)), axis=1)
            for row in shown.values()
        ]
    )
    figure = with_axes("", "", height=90 + 130 * len(shown))
    figure.add_heatmap(
        z=np.clip(tiled, 0.0, 1.0).round(3), colorscale="Greys", zmin=0.0, zmax=1.0, showscale=False, hoverinfo="skip"
    )
    centres = (np.arange(max(len(SHOWN), len(shown))) + 0.5) * (size + 1) - 0.5
    figure.update_xaxes(tickvals=centres[: len(SHOWN)], ticktext=[f"frame {frame}" for frame in SHOWN], showgrid=False)
    figure.update_yaxes(
        tickvals=centres[: len(shown)], ticktext=list(shown), autorange="reversed", scaleanchor="x", showgrid=False
    )
    figure.update_layout(showlegend=False, margin={"l": 110, "r": 20, "t": 20, "b": 40})
    return figure


def by_velocity(networks: Mapping[str, Any], unit: str) -> str:
    """A table of errors, one row a range of velocities."""
    heads = "".join(f"<td>{NAMES[name]}, {frames}</td>" for name in networks for frames in ("11 to 20", "21 to 70"))
    lines = [f"<tr><td>velocities</td>{heads}</tr>"]
    for fastest in next(iter(networks.values()))["by_velocity"]:
        errors = [of_network["by_velocity"][fastest] for of_network in networks.values()]
        cells = "".join(f"<td>{e[key]:.2e}</td>" for e in errors for key in ("error_11_to_20", "error_21_to_70"))
        trained = ", trained on" if fastest == str(TRAINED_UP_TO) else ""
        lines.append(f"<tr><td>{html.escape(f'up to {fastest} {unit} a step{trained}')}</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
