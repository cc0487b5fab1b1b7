"""The report of a replay of LiDAR odometry: one HTML page that needs no network, and the same figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isometry.evaluation.replay.odometry.judgement import Judgement
from isometry.evaluation.replay.odometry.sections import headline, sections
from isometry.evaluation.replay.page import write_replay_page
from isometry.evaluation.replay.recording import LidarOdometryRecording


def write_report(
    folder: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: LidarOdometryRecording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    boxes = sections(recording, judgement, "scan")
    return write_replay_page(folder, "LiDAR odometry", figures, provenance, recording, headline(figures), boxes)
