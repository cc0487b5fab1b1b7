"""The plots of a report on tracking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.tracking.measure import Run
from isometry.evaluation.tracking.protocol import Curve, matches
from isometry.geometry.boxes import footprints

IDS_COLOURED = ("#2563eb", "#16a34a", "#f59e0b", "#7c3aed", "#0891b2", "#db2777", "#65a30d", "#9a3412")
ROWS_NAMED = 24  # in a plot that has a row for each object
AROUND_M = 15.0  # shown about the object of an overlay


def over_recall(curves: Sequence[Curve]) -> go.Figure:
    """MOTA and sMOTA over the recall that was aimed at, a colour for each overlap."""
    figure = with_axes("recall", "MOTA (dotted) and sMOTA", height=420)
    for curve, colour in zip(curves, (BLUE, ORANGE, RED, GREEN), strict=False):
        for name, dash, values in (
            ("sMOTA", "solid", [point.sMOTA for point in curve.points]),
            ("MOTA", "dot", [point.MOTA for point in curve.points]),
        ):
            figure.add_scatter(
                x=curve.recalls,
                y=values,
                mode="lines",
                name=f"{name} at IoU {curve.iou:g}",
                line={"color": colour, "dash": dash, "width": 3},
                text=[f"score {p.score:.3g}, {p.false_positives} false, {p.id_switches} ids" for p in curve.points],
            )
    figure.update_xaxes(range=[0.0, 1.02])
    figure.update_yaxes(range=[-0.02, 1.04])
    figure.update_layout(legend={"orientation": "v", "x": 1.0, "xanchor": "right", "y": 0.02, "yanchor": "bottom"})
    return figure


def from_above(run: Run, score: float) -> go.Figure:
    """Where the objects of a sequence were, in the frame of its tracks: labelled in grey, a colour for each track."""
    figure = with_axes("x, m", "y, m", height=560)
    T = run.tracks.T_odom_lidar
    truth = _placed(T[run.truth.frames], run.truth.boxes)
    for k, number in enumerate(np.unique(run.truth.ids)):
        own = _in_order(run.truth.ids == number, run.truth.frames)
        text = [f"{run.truth.labels[row]} {number}, frame {run.truth.frames[row]}" for row in own]
        marker = {"color": GREY, "size": 9, "opacity": 0.35}
        figure.add_scattergl(
            x=truth[own, 0],
            y=truth[own, 1],
            mode="markers",
            name="labelled",
            text=text,
            marker=marker,
            legendgroup="labelled",
            showlegend=k == 0,
        )
    places = _placed(T[run.tracks.frames], run.tracks.boxes)
    counted = run.judged.mean_scores >= score
    for k, number in enumerate(np.unique(run.tracks.ids[counted])):
        own = _in_order((run.tracks.ids == number) & counted, run.tracks.frames)
        colour = IDS_COLOURED[k % len(IDS_COLOURED)]
        figure.add_scattergl(
            x=places[own, 0],
            y=places[own, 1],
            mode="lines+markers",
            name=f"track {number}",
            text=[f"track {number}, frame {run.tracks.frames[row]}" for row in own],
            line={"color": colour, "width": 2},
            marker={"color": colour, "size": 3},
            showlegend=False,
        )
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)
    return figure


def over_time(run: Run, iou: float, score: float) -> go.Figure:
    """Which track followed each labelled object in which frame: a row an object, a colour a track, red where none."""
    figure = with_axes("frame", "labelled object", height=560)
    rows, columns = matches(run.judged, iou, score)
    track_of = np.full(len(run.truth), -1)
    track_of[rows] = run.tracks.ids[columns]
    numbers, place = np.unique(run.truth.ids, return_inverse=True)
    optional = run.judged.truth_optional
    shown = [("may be missed", "#e2e8f0", (track_of < 0) & optional), ("missed", RED, (track_of < 0) & ~optional)]
    for k, track in enumerate(np.unique(track_of[track_of >= 0])):
        shown.append((f"track {track}", IDS_COLOURED[k % len(IDS_COLOURED)], track_of == track))
    for name, colour, chosen in shown:
        marker = {"color": colour, "symbol": "line-ns-open", "size": 7, "line": {"width": 2}}
        x, y = run.truth.frames[chosen], place[chosen]
        figure.add_scattergl(
            x=x, y=y, mode="markers", name=name, marker=marker, showlegend=not name.startswith("track")
        )
    labels = [f"{run.truth.labels[int(np.argmax(run.truth.ids == number))]} {number}" for number in numbers]
    ticks = range(0, len(numbers), 1 + len(numbers) // ROWS_NAMED)
    figure.update_yaxes(tickvals=list(ticks), ticktext=[labels[k] for k in ticks])
    return figure


def overlay(run: Run, frame: int, at: Array) -> go.Figure:
    """One frame from above around a place (2,), in the LiDAR frame: boxes that are labelled, detected and tracked."""
    figure = with_axes("x, m", "y, m", height=440)
    shown: list[tuple[str, str, Array, list[str]]] = []
    here = run.truth.frames == frame
    shown.append(("labelled", GREEN, run.truth.boxes[here], [f"{number}" for number in run.truth.ids[here]]))
    if run.found is not None:
        seen = run.found.frames == frame
        shown.append(("detected", ORANGE, run.found.boxes[seen], [f"{score:.2f}" for score in run.found.scores[seen]]))
    now = run.tracks.frames == frame
    scored = zip(run.tracks.ids[now], run.tracks.scores[now], strict=True)
    names = [f"{number}, {score:.2f}" for number, score in scored]
    shown.append(("tracked", BLUE, run.tracks.boxes[now], names))
    for name, colour, boxes, texts in shown:
        outlines = np.full((len(boxes), 6, 2), np.nan)
        outlines[:, :5] = footprints(boxes)[:, [0, 1, 2, 3, 0]] if len(boxes) else 0.0
        x, y = outlines.reshape(-1, 2).T
        text = [f"{name} {each}" for each in texts for _ in range(6)]
        figure.add_scatter(x=x, y=y, mode="lines", name=name, text=text, line={"color": colour, "width": 2})
    figure.update_xaxes(range=[at[0] - AROUND_M, at[0] + AROUND_M])
    figure.update_yaxes(range=[at[1] - AROUND_M, at[1] + AROUND_M], scaleanchor="x", scaleratio=1.0)
    return figure


def _placed(T_odom_lidar: Array, boxes: Array) -> Array:
    """Centres (N,2) of boxes (N,7), each with its pose (N,4,4)."""
    placed: Array = np.einsum("nij,nj->ni", T_odom_lidar[:, :2, :3], boxes[:, :3]) + T_odom_lidar[:, :2, 3]
    return placed


def _in_order(chosen: NDArray[np.bool_], frames: NDArray[np.int64]) -> NDArray[np.intp]:
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(frames[rows])]
