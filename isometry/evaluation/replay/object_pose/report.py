"""The report of a replay of object poses: one HTML page that needs no network, and its figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from scipy.spatial.transform import Rotation

from isometry.evaluation.common.page import grid, number, pair, section
from isometry.evaluation.common.plot_style import with_axes
from isometry.evaluation.common.statistics import median
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.page import latency_section, states_section, write_replay_page
from isometry.evaluation.replay.recording import ObjectPoseRecording


def figures(recording: ObjectPoseRecording) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured.

    A step is what a pose changes by from one answer to the next: by the object's motion, the camera's, and by errors.
    """
    objects: dict[str, dict[str, Any]] = {}
    for name in sorted(set(recording.names.tolist())):
        own = recording.names == name
        poses, answers = recording.T_frame_object[own], recording.answers[own]
        next_to = np.diff(answers) == 1
        turns = Rotation.from_matrix(poses[1:, :3, :3] @ np.swapaxes(poses[:-1, :3, :3], 1, 2)).magnitude()
        steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
        objects[name] = {
            "answers": int(own.sum()),
            "confidence_median": median(recording.confidences[own].tolist()),
            "modes_median": median(recording.modes[own].astype(float).tolist()),
            "step_median_m": median(steps[next_to].tolist()),
            "step_median_deg": median(np.degrees(turns[next_to]).tolist()),
        }
    return recording.figures() | {
        "objects": objects,
        "refused_detections": recording.diagnostics.get("refused_by_reason", ""),
        "frame": str(recording.frame),
    }


def write_report(
    folder: Path, figures: dict[str, Any], provenance: dict[str, Any], recording: ObjectPoseRecording
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    header = ("object", "answers", "confidence", "modes", "step, m", "step, deg")
    lines = [(name, *values.values()) for name, values in figures["objects"].items()]
    text = f"Medians. A step is from one answer to the next, in the frame {figures['frame']}."
    sections = section("Objects", text, table=grid(header, lines))
    sections += section("Confidence", "Of each object in each answer.", _confidences(recording))
    sections += pair(latency_section(recording, "image", "objects"), states_section(recording))
    return write_replay_page(folder, "Object poses", figures, provenance, recording, headline(figures), sections)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    confidences = [values["confidence_median"] for values in figures["objects"].values()]
    return [
        (str(len(figures["objects"])), f"objects with poses ({', '.join(figures['objects']) or 'none'})"),
        (number(median(confidences), ""), "confidence, median of the objects"),
        (figures["refused_detections"] or "none", "detections without a pose, by reason"),
        *tiles(figures),
    ]


def _confidences(recording: ObjectPoseRecording) -> go.Figure:
    figure = with_axes("seconds", "confidence", height=420)
    seconds = (recording.answer_stamps_ns - recording.scan_stamps_ns[0]) * 1e-9
    for name in sorted(set(recording.names.tolist())):
        own = recording.names == name
        x, y = seconds[recording.answers[own]], recording.confidences[own]
        figure.add_scatter(x=x, y=y, mode="lines+markers", name=name)
    return figure
