"""The report on prediction: figures, errors over time, calibration of the covariances, and the worst misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.prediction.cases import Case
from isometry.evaluation.prediction.measure import PredictionErrors, worst
from isometry.tracking.prediction.predictor import AHEAD_S

MISSES_SHOWN = 12
COLOURS = (BLUE, ORANGE, GREEN)


def write_report(
    path: Path,
    figures: dict[str, Any],
    name: str,
    provenance: dict[str, Any],
    cases: Sequence[Case],
    errors: Mapping[str, PredictionErrors],
) -> Path:
    """Write the page of figures and of the errors of each method; `name` is the method that is judged."""
    return write_page(
        path,
        "Prediction",
        f"{provenance['data']} · model {name} · {provenance['date']}",
        headline(figures, name),
        _sections(figures, name, provenance, cases, errors),
    )


def headline(figures: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """The tiles at the top of the page: values as text, and what they are."""
    tiles = []
    for group in ("moving", "all"):
        of_group = figures["methods"][name].get(group)
        if of_group is not None:
            counted = f"{of_group['n']['3']} cases, {group} objects"
            tiles.append((number(of_group["fde_m"]["3"], "m"), f"FDE at 3 s: {counted}"))
            tiles.append(
                (share(of_group["inside_2_sigma"]["3"]), f"inside two sigma at 3 s (calibrated: 95.5 %), {group}")
            )
    for model, lower in figures["lower_fde_than"]["moving"].items():
        tiles.append((share(lower["3"]), f"lower FDE at 3 s than {model.replace('_', ' ')}, moving objects"))
    return tiles


def _sections(
    figures: dict[str, Any],
    name: str,
    provenance: dict[str, Any],
    cases: Sequence[Case],
    errors: Mapping[str, PredictionErrors],
) -> str:
    shown = pair(
        section("Error over time, moving objects", "Mean distance.", errors_over_time(errors)),
        section("Errors at 3 s, moving objects", "Share of the cases within it.", error_distribution(errors)),
    )
    judged = errors[name]
    misses = [
        section(*_heading(judged, row, cases), miss(errors, row, cases)) for row in worst_of_each_object(judged, cases)
    ]
    shown += "".join(pair(*misses[k : k + 2]) if k + 1 < len(misses) else misses[k] for k in range(0, len(misses), 2))
    rest = {key: value for key, value in figures.items() if key != "methods"}
    tables = [section(each, "", table=rows(of_method)) for each, of_method in figures["methods"].items()]
    return (
        shown
        + "".join(tables)
        + pair(
            section("What is measured", "", table=rows(rest)), section("How it was made", "", table=rows(provenance))
        )
    )


def errors_over_time(errors: Mapping[str, PredictionErrors]) -> go.Figure:
    """Mean error of moving objects at each time ahead."""
    figure = with_axes("seconds ahead", "metres", height=420)
    for (name, each), colour in zip(errors.items(), COLOURS, strict=False):
        chosen = each.errors[each.moving & each.ego_known]
        if len(chosen):
            mean = np.nanmean(chosen, axis=0)
            figure.add_scatter(x=AHEAD_S, y=mean, mode="lines", name=name, line={"color": colour, "width": 3})
    return figure


def error_distribution(errors: Mapping[str, PredictionErrors]) -> go.Figure:
    """Share of moving objects whose error at the end is within so many metres."""
    figure = with_axes("metres", "share", height=420)
    for (name, each), colour in zip(errors.items(), COLOURS, strict=False):
        last = each.errors[each.moving & each.ego_known, -1]
        last = np.sort(last[np.isfinite(last)])
        if len(last):
            part = np.arange(1, len(last) + 1) / len(last)
            figure.add_scatter(x=last, y=part, mode="lines", name=name, line={"color": colour, "width": 3})
    return figure


def worst_of_each_object(judged: PredictionErrors, cases: Sequence[Case]) -> list[int]:
    """Rows of the worst misses, one of each object: its other moments would show the same again."""
    chosen: list[int] = []
    objects: set[tuple[str, int]] = set()
    for row in worst(judged, len(judged.labels)):
        number_of_case, k = judged.rows[row]
        key = (cases[number_of_case].recording, int(cases[number_of_case].ids[k]))
        if key not in objects:
            objects.add(key)
            chosen.append(row)
    return chosen[:MISSES_SHOWN]


def miss(errors: Mapping[str, PredictionErrors], row: int, cases: Sequence[Case]) -> go.Figure:
    """One object from above: where it was, where it went, and where each method expected it."""
    first = next(iter(errors.values()))
    number_of_case, k = first.rows[row]
    case = cases[number_of_case]
    figure = with_axes("x, m", "y, m", height=420)
    others = np.delete(case.histories, k, axis=0).reshape(-1, 2)
    near = np.linalg.norm(others - case.histories[k, -1], axis=1) < 30.0
    x, y = others[near].T
    figure.add_scatter(x=x, y=y, mode="markers", name="others", marker={"color": GREY, "size": 3})
    lines = {"was": (case.histories[k], "#111827"), "went": (case.futures[k], RED)}
    lines |= {name: (each.paths[row], colour) for (name, each), colour in zip(errors.items(), COLOURS, strict=False)}
    for name, (points, colour) in lines.items():
        x, y = points.T
        style: dict[str, Any] = {"line": {"color": colour}, "marker": {"size": 3}}
        figure.add_scatter(x=x, y=y, mode="lines+markers", name=name, **style)
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)
    return figure


def _heading(judged: PredictionErrors, row: int, cases: Sequence[Case]) -> tuple[str, str]:
    number_of_case, k = judged.rows[row]
    case = cases[number_of_case]
    title = f"A miss: {case.recording}, frame {case.now}, {case.labels[k]} {int(case.ids[k])}"
    return title, f"{judged.errors[row, -1]:.1f} m off after 3 s."
