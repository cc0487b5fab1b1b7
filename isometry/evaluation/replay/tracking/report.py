"""What a tracking node did during a replay: figures, and a page that shows its tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import number, pair, rows, section, write_page
from isometry.evaluation.common.plot_style import with_axes
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.latency import latency_histogram
from isometry.evaluation.replay.recording import TrackingRecording, percentile

COLOURS = ("#2563eb", "#16a34a", "#f59e0b", "#7c3aed", "#0891b2", "#db2777", "#65a30d", "#9a3412")


def figures(recording: TrackingRecording) -> dict[str, Any]:
    """What the report tells, by name; None where it could not be measured."""
    counts = np.bincount(recording.answers, minlength=len(recording.answer_stamps_ns))
    lengths = np.unique(recording.ids, return_counts=True)[1]
    return recording.told() | {
        "ids": len(lengths),
        "tracks_median": percentile(counts, 50),
        "messages_of_a_track_median": percentile(lengths, 50),
        "frame": str(recording.frame),
    }


def headline(told: dict[str, Any]) -> list[tuple[str, str]]:
    """What a reader wants to know first: values as text, and what they are."""
    return [
        (str(told["ids"]), f"objects followed ({number(told['tracks_median'], 'at a time, median')})"),
        (number(told["latency_p50_ms"], "ms"), f"latency p50 (p99 {number(told['latency_p99_ms'], 'ms')})"),
        (str(told["drops"]), f"drops of {told['scans']} messages ({told['refused']} more refused)"),
    ]


def write_report(folder: Path, told: dict[str, Any], provenance: dict[str, Any], recording: TrackingRecording) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    write_json(folder / "report.json", {**told, "provenance": provenance})
    place = section("From above", f"Each track in the frame {told['frame']}.", from_above(recording))
    latency = section(
        "Latency", "From the publication of a message to the arrival of its tracks.", latency_histogram(recording)
    )
    measured = section("Figures", "", table=rows({name: value for name, value in told.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    said = section("What the node said last", "From its /diagnostics.", table=rows(told["node"]))
    subtitle = f"{provenance['data']} · {provenance['date']}"
    sections = place + latency + pair(measured, made) + said
    return write_page(folder / "report.html", "Tracking", subtitle, headline(told), sections)


def from_above(recording: TrackingRecording) -> go.Figure:
    """Where each track was, a colour for each."""
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
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)
    return figure
