"""The report on the motion of a camera: the path, errors of steps beside their sigmas, states, the worst steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.common import plot_style
from isometry.evaluation.common.page import grid, number, pair, rows, section, share, write_page
from isometry.evaluation.common.picture import picture
from isometry.evaluation.depth_egomotion import trajectories
from isometry.evaluation.depth_egomotion.measure import Judged, worst_steps
from isometry.geometry import se3

COLOURS = {
    "ok": plot_style.GREEN,
    "unconstrained": plot_style.ORANGE,
    "lost": plot_style.RED,
    "frozen": plot_style.BLUE,
    "bad_input": plot_style.GREY,
}
SHOWN = 320  # pixels of the width of a picture
FURTHEST_M = 5.0  # depth at the red end of its colours
LISTED = ("recording", "frame", "error_m", "error_deg", "state")
COMPARED = ("ate_rmse_m", "step_trans_m", "step_rot_deg", "t_err_percent", "r_err_deg_per_100m")


def write_report(path: Path, figures: dict[str, Any], provenance: dict[str, Any], walks: Sequence[Judged]) -> Path:
    """Write the page of figures and of the walks from which they were computed; returns its path."""
    sections = ""
    for walk in walks:
        name = walk.followed.recording.name
        legend = f"{name}. Grey: true; blue: as published; green: as known in the end; red: lost."
        sections += pair(
            section("Path from above", legend, _path(walk, 0, 2, "x right, metres", "z ahead, metres")),
            section("Path from the side", legend, _path(walk, 2, 1, "z ahead, metres", "y down, metres")),
        )
        sections += pair(
            section("Errors of steps, position", "Blue: error; the band is two sigma.", _steps(walk, 0, "millimetres")),
            section("Errors of steps, rotation", "Blue: error; the band is two sigma.", _steps(walk, 3, "degrees")),
        )
        sections += section("States", "Marks above the line: keyframes, and corrections of the map.", _states(walk))
    beside = {"this method": figures, **figures["trivial"]}
    compared = [[name, *(each[figure] for figure in COMPARED)] for name, each in beside.items()]
    sections += section(
        "Beside predictors that do not look",
        "They are told the true first steps.",
        table=grid(("", *COMPARED), compared),
    )
    sections += section(
        "The worst steps",
        "Left the frame before, then the frame, then its depth where there is one: blue near, red 5 m and beyond.",
        table="".join(_worst(walks, step) for step in worst_steps(walks)),
    )
    shown = {name: value for name, value in figures.items() if name != "worst_steps"}
    sections += pair(section("Figures", "", table=rows(shown)), section("How it was made", "", table=rows(provenance)))
    subtitle = f"{provenance['data']} · {provenance['model']['name']} · {provenance['date']}"
    return write_page(path, "Motion of a camera", subtitle, headline(figures), sections)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and labels."""
    inside = (figures["inside_2_sigma"] or {"": None}).values()
    least, most = (None if None in inside else bound(inside) for bound in (min, max))
    standing = number(figures["trivial"]["standing"]["step_trans_m"], "m")
    return [
        (number(figures["ate_rmse_m"], "m"), f"off the path of {number(figures['path_m'], 'm')}, as published"),
        (number(figures["ate_optimised_rmse_m"], "m"), "the same as known in the end"),
        (number(figures["step_trans_m"], "m"), f"error of a step, median; standing: {standing}"),
        (number(figures["max_step_error_m"], "m"), "largest error of a step that was not called lost"),
        (f"{share(least)} - {share(most)}", "errors of steps inside two sigma, by axis; 95.4 % is right"),
        (f"{figures['lost_frames']} of {figures['n']}", "frames at which the camera was lost"),
        (number(1e3 * figures["seconds_per_frame"]["median"], "ms"), "a frame, median"),
    ]


def _path(walk: Judged, across: int, up: int, x: str, y: str) -> go.Figure:
    """Positions along two axes of the first camera that has a true pose."""
    followed, known = walk.followed, walk.known
    T_first_world = se3.inverse(followed.T_true[known][0])
    figure = plot_style.with_axes(x, y, 460)
    lines = (
        (followed.T_true[known], "true", plot_style.GREY),
        (_in_world(walk, followed.T_map), "published", plot_style.BLUE),
        (_in_world(walk, followed.T_map_optimised), "in the end", plot_style.GREEN),
    )
    for poses, name, colour in lines:
        places = (T_first_world @ poses)[:, :3, 3]
        figure.add_scatter(x=places[:, across], y=places[:, up], name=name, mode="lines", line_color=colour)
    lost = np.array([state == "lost" for state in followed.states])
    places = (T_first_world @ _in_world(walk, followed.T_map))[lost, :3, 3]
    red = {"color": plot_style.RED, "size": 5}
    figure.add_scatter(x=places[:, across], y=places[:, up], name="lost", mode="markers", marker=red)
    figure.update_yaxes(scaleanchor="x", autorange="reversed" if up == 1 else True)
    return figure


def _in_world(walk: Judged, poses: Array) -> Array:
    """Poses (N,4,4) of the map in the world of the true ones, as the error of the path sees them."""
    return np.asarray(trajectories.alignment(poses[walk.known], walk.followed.T_true[walk.known]) @ poses)


def _steps(walk: Judged, first: int, unit: str) -> go.Figure:
    """Errors of steps over time, with the band of two sigma of their size."""
    factor = 1e3 if first == 0 else 180.0 / np.pi
    ends = walk.odometry.ends
    covariances = np.array([walk.followed.steps[end].motion_covariance for end in ends]).reshape(-1, 6, 6)
    sigmas = np.sqrt(np.trace(covariances[:, first : first + 3, first : first + 3], axis1=1, axis2=2))
    errors = np.linalg.norm(walk.odometry.steps[:, first : first + 3], axis=1)
    seconds = _seconds(walk)[ends]
    figure = plot_style.with_axes("seconds", unit, 300)
    quiet = {"line_color": plot_style.GREY, "line_width": 1}
    figure.add_scatter(x=seconds, y=np.zeros(len(ends)), **quiet)
    figure.add_scatter(x=seconds, y=2.0 * factor * sigmas, fill="tonexty", fillcolor="rgba(148,163,184,0.2)", **quiet)
    figure.add_scatter(x=seconds, y=factor * errors, mode="lines+markers", line_color=plot_style.BLUE, marker_size=3)
    return figure


def _states(walk: Judged) -> go.Figure:
    figure = plot_style.with_axes("seconds", "", 420)
    seconds, steps = _seconds(walk), walk.followed.steps
    rows_of_marks = [
        *((state, [step.state == state for step in steps], colour, 0) for state, colour in COLOURS.items()),
        ("keyframe", [step.keyframe for step in steps], plot_style.GREY, 1),
        ("corrected", [bool(step.corrected) for step in steps], plot_style.ORANGE, 2),
    ]
    for name, flags, colour, height in rows_of_marks:
        marked = np.array(flags, bool)
        words = [step.reason or step.corrected for step, flag in zip(steps, flags, strict=True) if flag]
        marks = {"color": colour, "size": 8, "symbol": "square"}
        figure.add_scatter(
            x=seconds[marked], y=[height] * int(marked.sum()), mode="markers", name=name, marker=marks, text=words
        )
    figure.update_layout(height=240)
    figure.update_yaxes(visible=False, range=[-0.5, 2.5])
    return figure


def _seconds(walk: Judged) -> Array:
    """Since the first frame, of each frame (N,)."""
    stamps_s = walk.followed.recording.stamps_s[walk.followed.choice.frames]
    return np.asarray(stamps_s - stamps_s[0])


def _worst(walks: Sequence[Judged], step: dict[str, Any]) -> str:
    """One of the worst steps: its figures, and pictures before and after it."""
    followed = next(walk.followed for walk in walks if walk.followed.recording.name == step["recording"])
    frames = followed.choice.frames
    k = int(np.searchsorted(frames, step["frame"]))
    recording = followed.recording
    depth = recording.depth(frames[k])
    shown = [_smaller(recording.colour(frame)) for frame in (frames[k - 1], frames[k])]
    shown += [] if depth is None else [_smaller(false_colours(depth))]
    height = min(len(pixels) for pixels in shown)
    beside = np.hstack([pixels[:height] for pixels in shown])
    text = f"{step['recording']}, frames {frames[k - 1]} and {frames[k]}"
    reason = followed.steps[k].reason
    return grid(LISTED, [[step[name] for name in LISTED]]) + f"<p>{reason}</p>" * bool(reason) + picture(beside, text)


def false_colours(depth: Array) -> NDArray[np.uint8]:
    """A picture (H,W,3) of depth (H,W) in metres: blue near, red at 5 m and beyond, black where nothing is known."""
    levels = np.clip(255.0 * depth / FURTHEST_M, 0.0, 255.0).astype(np.uint8)
    painted = np.array(cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1], np.uint8)
    painted[depth <= 0.0] = 0
    return painted


def _smaller(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height = round(SHOWN * pixels.shape[0] / pixels.shape[1])
    return np.asarray(cv2.resize(pixels, (SHOWN, height), interpolation=cv2.INTER_AREA), np.uint8)
