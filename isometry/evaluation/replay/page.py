"""What the pages of all replays have in common: warnings first, figures and origin last, JSON beside the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import pair, rows, section, write_page
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.answers import warning_section
from isometry.evaluation.replay.plots import latency_histogram, states_over_time
from isometry.evaluation.replay.recording import NodeRecording


def write_replay_page(
    folder: Path,
    title: str,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: NodeRecording,
    headline: list[tuple[str, str]],
    sections: str,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path.

    `headline` are the most important figures, values as text and what they are; `sections` stand in the middle.
    """
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    measured = section("Figures", "", table=rows({name: value for name, value in figures.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    last = section("Last report of the node", "From its /diagnostics.", table=rows(figures["node"]))
    return write_page(
        folder / "report.html",
        title,
        f"{provenance['data']} · {provenance['date']}",
        headline,
        warning_section(figures, recording) + sections + pair(measured, made) + last,
    )


def latency_section(recording: NodeRecording, message: str, answer: str) -> str:
    """How long the answers took; `message` and `answer` name what comes in and out."""
    text = f"From the publication of a {message} to the arrival of its {answer}."
    return section("Latency", text, latency_histogram(recording))


def states_section(recording: NodeRecording) -> str:
    """The states that the node reported."""
    return section("State", "Of each report of the node.", states_over_time(recording))
