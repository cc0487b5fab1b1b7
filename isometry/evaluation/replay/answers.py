"""What every report of a replay says first: how many messages were answered, how fast, and what went wrong."""

from __future__ import annotations

from typing import Any

from isometry.evaluation.common.page import number, section, share
from isometry.evaluation.replay.recording import NodeRecording

MANY = 0.05
"""Share of messages without an answer from which a report begins with a warning."""


def tiles(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Values as text and what they are: answered, dropped and refused messages, latency, provider."""
    scans = max(figures["scans"], 1)
    lost = f"{share(figures['drops'] / scans)} dropped, {share(figures['refused'] / scans)} refused"
    if figures["without_answer"]:
        lost += f", {share(figures['without_answer'] / scans)} used without an answer"
    provider = str(figures["provider"])
    return [
        (share(figures["answered"] / scans), f"of {figures['scans']} messages answered ({lost})"),
        (number(figures["latency_p50_ms"], "ms"), f"latency p50 (p99 {number(figures['latency_p99_ms'], 'ms')})"),
        *([] if provider == "none" else [(provider.removesuffix("ExecutionProvider"), "execution provider in use")]),
    ]


def warnings(figures: dict[str, Any], recording: NodeRecording) -> list[str]:
    """What a reader must know before the figures, beside a failure, a sentence each; empty when all is well."""
    said = []
    scans = max(figures["scans"], 1)
    if figures["drops"] > MANY * scans:
        kept = share(1.0 - figures["drops"] / scans)
        said.append(
            f"{figures['drops']} of {figures['scans']} messages were dropped: the figures are of the other {kept}. The "
            "machine is too slow or too busy for this rate."
        )
    if figures["refused"] > MANY * scans and not recording.failure():
        said.append(
            f"{figures['refused']} of {figures['scans']} messages were refused: {list(recording.problems.values())[-1]}"
        )
    return said


def warning_section(figures: dict[str, Any], recording: NodeRecording) -> str:
    """The failure and the warnings as the first box of a page; empty without any."""
    said = [text for text in (recording.failure(), *warnings(figures, recording)) if text]
    return section("Before you read on", " ".join(said)) if said else ""
