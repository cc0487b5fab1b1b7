"""The report on relocalisation: the figures, and every trial as a line of its scans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import grid, number, pair, rows, section, share, write_page
from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.relocalization.measure import TrialResult

HEADER = ("trial", "scans", "knowable from scan", "located at scan", "while unknowable", "wrong", "worst error, m")


def write_report(
    path: Path, figures: dict[str, Any], provenance: dict[str, Any], results: Sequence[TrialResult]
) -> Path:
    """Write the page of the figures and of the trials from which they were computed; returns its path."""
    return write_page(
        path,
        "Relocalisation",
        f"{provenance['data']} · model {provenance['model']['name']} · {provenance['date']}",
        headline(figures),
        section(
            "Every scan of every trial",
            "A ring: the pose could not be known yet. Filled: located, rightly or wrongly.",
            timeline(results),
        )
        + section("Trials", "", table=grid(HEADER, [_row(r) for r in results]))
        + pair(
            section("Figures", "", table=rows(figures)),
            section("How it was made", "", table=rows(provenance)),
        ),
    )


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and labels."""
    begun, decided = figures["trials_unknowable_at_first"], figures["trials_knowable_at_last"]
    seconds = figures["seconds"]
    return [
        (share(figures["located_while_unknowable"]), f"located while nobody can know, of {begun} trials"),
        (share(figures["located_once_knowable"]), f"located once it can be known, of {decided} trials"),
        (number(figures["metres_until_located"], "m"), "driven from then until located, median"),
        (share(figures["wrong_located"]), f"located wrongly at some scan, of {figures['trials']} trials"),
        (
            f"{seconds['median']:.2f} s, {seconds['p99']:.2f} s, {seconds['max']:.2f} s",
            "a scan: median, 99th percentile and maximum",
        ),
    ]


def timeline(results: Sequence[TrialResult]) -> go.Figure:
    """One line of scans for each trial, by what could be known and what was said."""
    plot = with_axes("scan", "trial", height=440)
    plot.update_yaxes(dtick=1)
    for name, colour, filled, chosen in (
        ("lost, unknowable", GREY, False, [~r.located & ~r.trial.knowable for r in results]),
        ("lost, knowable", BLUE, True, [~r.located & r.trial.knowable for r in results]),
        ("located rightly", GREEN, True, [r.right & r.trial.knowable for r in results]),
        ("located while unknowable, rightly by chance", ORANGE, False, [r.right & ~r.trial.knowable for r in results]),
        ("located wrongly", RED, True, [r.located & ~r.right for r in results]),
    ):
        points = [(k, r.trial.number) for r, flags in zip(results, chosen, strict=True) for k in np.flatnonzero(flags)]
        x, y = zip(*points, strict=True) if points else ((), ())
        symbol = "circle" if filled else "circle-open"
        plot.add_scatter(x=x, y=y, mode="markers", name=name, marker={"color": colour, "symbol": symbol, "size": 6})
    return plot


def _row(result: TrialResult) -> list[Any]:
    trial, located = result.trial, np.flatnonzero(result.located)
    metres = np.linalg.norm(result.errors[:, :3], axis=1)[result.located]
    return [
        trial.number,
        len(result.located),
        int(np.argmax(trial.knowable)) if trial.becomes_knowable else None,
        int(located[0]) if len(located) else None,
        "yes" if result.located_while_unknowable else "no",
        "yes" if result.wrong_located else "no",
        float(metres.max()) if len(metres) else None,
    ]
