"""The plots of a report on registration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.common.reliability_plot import interval, reliability_of
from isometry.evaluation.registration.measure import PairResult
from isometry.geometry import se3

BANDS = 8  # of distance, with as many pairs each
DARK = "#111827"
LEAST_DEGREES, LEAST_METRES = 1e-3, 1e-4  # smaller errors are drawn there
MOST_DEGREES, MOST_METRES = 180.0, 1e3  # larger errors, and pairs without a registration, are drawn there


def success_over_distance(results: Sequence[PairResult]) -> go.Figure:
    """Shares of right and of accepted transforms among pairs of similar distance, with 95 % intervals."""
    figure = with_axes("metres apart", "share of pairs", height=420)
    distance = np.array([r.distance for r in results])
    bands = np.array_split(np.argsort(distance), min(BANDS, len(results)))
    middle = [float(np.median(distance[band])) for band in bands]
    right, accepted = (np.array(flags) for flags in zip(*((r.right, r.accepted) for r in results), strict=True))
    for name, colour, counted in (
        ("right", GREEN, right),
        ("right and accepted", BLUE, right & accepted),
        ("wrong and accepted", RED, ~right & accepted),
    ):
        hits = np.array([np.count_nonzero(counted[band]) for band in bands])
        sizes = np.array([len(band) for band in bands])
        low, high = interval(hits, sizes)
        share = hits / sizes
        figure.add_scatter(
            x=middle,
            y=share,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 3},
            error_y={"array": high - share, "arrayminus": share - low, "thickness": 1, "width": 3},
            text=[f"{hit} of {size}" for hit, size in zip(hits, sizes, strict=True)],
        )
    figure.update_yaxes(range=[-0.02, 1.04])
    figure.update_xaxes(rangemode="tozero")
    return figure


def errors(results: Sequence[PairResult]) -> go.Figure:
    """Rotation error over translation error of every pair, both on logarithmic axes."""
    figure = with_axes("metres", "degrees", height=420)
    for name, colour, symbol, chosen in (
        ("right, accepted", GREEN, "circle", [r for r in results if r.right and r.accepted]),
        ("right, not accepted", ORANGE, "circle-open", [r for r in results if r.right and not r.accepted]),
        ("wrong, not accepted", GREY, "x", [r for r in results if not r.right and not r.accepted]),
        ("wrong, accepted", RED, "x", [r for r in results if not r.right and r.accepted]),
    ):
        figure.add_scatter(
            x=np.clip([r.translation_error for r in chosen], LEAST_METRES, MOST_METRES),
            y=np.clip([r.rotation_error for r in chosen], LEAST_DEGREES, MOST_DEGREES),
            mode="markers",
            name=f"{name} ({len(chosen)})",
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7},
            text=[_named(r) for r in chosen],
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    return figure


def error_distributions(results: Sequence[PairResult], metres: bool) -> go.Figure:
    """Cumulative distribution of the errors of each group."""
    figure = with_axes("metres" if metres else "degrees", "share of pairs", height=420)
    limits = (LEAST_METRES, MOST_METRES) if metres else (LEAST_DEGREES, MOST_DEGREES)
    for group in dict.fromkeys(r.case.group for r in results):
        of_group = [r for r in results if r.case.group == group]
        error = np.sort(np.clip([r.translation_error if metres else r.rotation_error for r in of_group], *limits))
        share = np.arange(1, len(error) + 1) / len(error)
        figure.add_scatter(x=error, y=share, mode="lines", line={"shape": "hv", "width": 3}, name=group)
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[0.0, 1.02])
    return figure


def reliability(results: Sequence[PairResult]) -> go.Figure:
    """The share of right transforms over their confidence."""
    confidences, right = np.array([r.confidence for r in results]), np.array([r.right for r in results])
    return reliability_of(confidences, right, "pairs")


def overlay(result: PairResult) -> go.Figure:
    """A pair from above, in the target's frame: the source as registered, and at its true pose."""
    pair = result.case.pair
    figure = with_axes("x, m", "y, m", height=480)
    places = [("target", DARK, pair.target.astype(np.float64))]
    source = pair.source.astype(np.float64)
    if result.registration is not None:
        places.append(("source, registered", RED, se3.apply(result.registration.T_target_source, source)))
    places.append(("source, true", GREEN, se3.apply(pair.T_target_source, source)))
    for name, colour, points in places:
        figure.add_scattergl(
            x=points[:, 0].round(2),
            y=points[:, 1].round(2),
            mode="markers",
            name=name,
            hoverinfo="skip",
            marker={"color": colour, "size": 2, "opacity": 0.5},
        )
    figure.update_layout(legend={"itemsizing": "constant"})
    figure.update_yaxes(scaleanchor="x", scaleratio=1.0)
    return figure


def _named(result: PairResult) -> str:
    where = f"{result.case.scene} {result.case.target}-{result.case.source}".strip()
    return f"{where}, confidence {result.confidence:.3f}"
