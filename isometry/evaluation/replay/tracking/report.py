"""The report of a replay of tracking: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.arrays import Array
from isometry.evaluation.common.page import number, pair, rows, section, write_page
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.answers import tiles, warning_section
from isometry.evaluation.replay.plots import latency_histogram, states_over_time
from isometry.evaluation.replay.recording import TrackingRecording
from isometry.evaluation.replay.tracking import plots


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: TrackingRecording,
    T_frame_base: Array,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path.

    `T_frame_base` (A,4,4) are the poses of the robot among the tracks; NaN where they are not known.
    """
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    return write_page(
        folder / "report.html",
        "Tracking",
        f"{provenance['data']} · {provenance['date']}",
        headline(figures),
        warning_section(figures, recording) + _sections(figures, provenance, recording, T_frame_base),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    return [
        (number(figures["tracks_median"], "tracks"), "at a time, median"),
        (
            str(figures["ids"]),
            "tracks in all: an object that was lost and found again counts again "
            f"(each in {number(figures['messages_of_a_track_median'], 'messages')}, median)",
        ),
        *tiles(figures),
    ]


def _sections(
    figures: dict[str, Any], provenance: dict[str, Any], recording: TrackingRecording, T_frame_base: Array
) -> str:
    text = f"Each track, and the path of the robot in black, in the frame {figures['frame']}."
    above = section("From above", text, plots.from_above(recording, T_frame_base))
    states = section("State", "Of each report of the node.", states_over_time(recording))
    latency = section(
        "Latency", "From the publication of a message to the arrival of its tracks.", latency_histogram(recording)
    )
    measured = section("Figures", "", table=rows({name: value for name, value in figures.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    last = section("Last report of the node", "From its /diagnostics.", table=rows(figures["node"]))
    return above + pair(latency, states) + pair(measured, made) + last
