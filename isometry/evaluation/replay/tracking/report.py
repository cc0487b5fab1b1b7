"""The report of a replay of tracking: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.arrays import Array
from isometry.evaluation.common.page import number, pair, section
from isometry.evaluation.replay.answers import tiles
from isometry.evaluation.replay.page import latency_section, states_section, write_replay_page
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
    sections = _sections(figures, recording, T_frame_base)
    return write_replay_page(folder, "Tracking", figures, provenance, recording, headline(figures), sections)


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


def _sections(figures: dict[str, Any], recording: TrackingRecording, T_frame_base: Array) -> str:
    text = f"Each track, and the path of the robot in black, in the frame {figures['frame']}."
    above = section("From above", text, plots.from_above(recording, T_frame_base))
    return above + pair(latency_section(recording, "message", "tracks"), states_section(recording))
