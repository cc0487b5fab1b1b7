"""The report of a replay of tracking: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, rows, section, write_page
from isometry.evaluation.common.provenance import write_json
from isometry.evaluation.replay.latency import latency_histogram
from isometry.evaluation.replay.recording import TrackingRecording
from isometry.evaluation.replay.tracking import plots


def write_report(
    folder: Path, figures: dict[str, Any], provenance: dict[str, Any], recording: TrackingRecording
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    return write_page(
        folder / "report.html",
        "Tracking",
        f"{provenance['data']} · {provenance['date']}",
        headline(figures),
        _sections(figures, provenance, recording),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and what they are."""
    return [
        (str(figures["ids"]), f"objects followed ({number(figures['tracks_median'], 'at a time, median')})"),
        (number(figures["latency_p50_ms"], "ms"), f"latency p50 (p99 {number(figures['latency_p99_ms'], 'ms')})"),
        (str(figures["drops"]), f"drops of {figures['scans']} messages ({figures['refused']} more refused)"),
    ]


def _sections(figures: dict[str, Any], provenance: dict[str, Any], recording: TrackingRecording) -> str:
    above = section("From above", f"Each track in the frame {figures['frame']}.", plots.from_above(recording))
    latency = section(
        "Latency", "From the publication of a message to the arrival of its tracks.", latency_histogram(recording)
    )
    measured = section("Figures", "", table=rows({name: value for name, value in figures.items() if name != "node"}))
    made = section("How it was made", "", table=rows(provenance))
    last = section("Last report of the node", "From its /diagnostics.", table=rows(figures["node"]))
    return above + latency + pair(measured, made) + last
