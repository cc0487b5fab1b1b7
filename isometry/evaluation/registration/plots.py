"""The plots of a report on registration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.stats import beta

from isometry.arrays import Array
from isometry.evaluation.common.calibration import reliability_curve
from isometry.evaluation.common.plot_style import BLUE, GREEN, GREY, ORANGE, RED, with_axes
from isometry.evaluation.registration.measure import Outcome
from isometry.geometry import se3

BANDS = 8  # of distance, with as many pairs each
DARK = "#111827"
LEAST_DEGREES, LEAST_METRES = 1e-3, 1e-4  # what is smaller is drawn there
MOST_DEGREES, MOST_METRES = 180.0, 1e3  # and what is larger, or has no answer, there


def success_over_distance(outcomes: Sequence[Outcome]) -> go.Figure:
    """Share of right answers, and of accepted ones, among pairs of similar distance, with 95 % intervals."""
    figure = with_axes("metres apart", "share of pairs", height=420)
    distance = np.array([o.distance for o in outcomes])
    bands = np.array_split(np.argsort(distance), min(BANDS, len(outcomes)))
    middle = [float(np.median(distance[band])) for band in bands]
    right, accepted = (np.array(flags) for flags in zip(*((o.right, o.accepted) for o in outcomes), strict=True))
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


def interval(hits: NDArray[np.integer], sizes: NDArray[np.integer]) -> tuple[Array, Array]:
    """Limits (N,) and (N,) of 95 % for shares of which so many of so many were hits (Jeffreys)."""
    low = np.where(hits == 0, 0.0, beta.ppf(0.025, hits + 0.5, sizes - hits + 0.5))
    high = np.where(hits == sizes, 1.0, beta.ppf(0.975, hits + 0.5, sizes - hits + 0.5))
    return low, high


def errors(outcomes: Sequence[Outcome]) -> go.Figure:
    """Rotation error over translation error of every pair, both on logarithmic axes."""
    figure = with_axes("metres", "degrees", height=420)
    for name, colour, symbol, chosen in (
        ("right, accepted", GREEN, "circle", [o for o in outcomes if o.right and o.accepted]),
        ("right, not accepted", ORANGE, "circle-open", [o for o in outcomes if o.right and not o.accepted]),
        ("wrong, not accepted", GREY, "x", [o for o in outcomes if not o.right and not o.accepted]),
        ("wrong, accepted", RED, "x", [o for o in outcomes if not o.right and o.accepted]),
    ):
        figure.add_scatter(
            x=np.clip([o.translation_error for o in chosen], LEAST_METRES, MOST_METRES),
            y=np.clip([o.rotation_error for o in chosen], LEAST_DEGREES, MOST_DEGREES),
            mode="markers",
            name=f"{name} ({len(chosen)})",
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7},
            text=[_named(o) for o in chosen],
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    return figure


def error_distributions(outcomes: Sequence[Outcome], metres: bool) -> go.Figure:
    """Of each group, the share of all pairs whose error is at most so large."""
    figure = with_axes("metres" if metres else "degrees", "share of pairs", height=420)
    limits = (LEAST_METRES, MOST_METRES) if metres else (LEAST_DEGREES, MOST_DEGREES)
    for group in dict.fromkeys(o.case.group for o in outcomes):
        of_group = [o for o in outcomes if o.case.group == group]
        error = np.sort(np.clip([o.translation_error if metres else o.rotation_error for o in of_group], *limits))
        share = np.arange(1, len(error) + 1) / len(error)
        figure.add_scatter(x=error, y=share, mode="lines", line={"shape": "hv", "width": 3}, name=group)
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[0.0, 1.02])
    return figure


def reliability(outcomes: Sequence[Outcome]) -> go.Figure:
    """The share of right answers over the confidence that they claimed."""
    figure = with_axes("confidence", "share that is right", height=420)
    confidences, right = np.array([o.confidence for o in outcomes]), np.array([o.right for o in outcomes])
    curve = reliability_curve(confidences, right)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, name="calibrated")
    accuracy = np.array([entry.accuracy for entry in curve])
    low, high = interval(np.array([round(e.accuracy * e.count) for e in curve]), np.array([e.count for e in curve]))
    figure.add_scatter(
        x=[entry.confidence for entry in curve],
        y=accuracy,
        mode="lines+markers",
        name="measured",
        line={"color": BLUE, "width": 3},
        marker={"size": [6.0 + 22.0 * np.sqrt(entry.count / len(outcomes)) for entry in curve]},
        error_y={"array": high - accuracy, "arrayminus": accuracy - low, "thickness": 1, "width": 3},
        text=[f"{entry.count} pairs" for entry in curve],
    )
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.04])
    return figure


def overlay(outcome: Outcome) -> go.Figure:
    """A pair from above, in the target's frame: the source as it was registered, and where it belongs."""
    pair = outcome.case.pair
    figure = with_axes("x, m", "y, m", height=480)
    places = [("target", DARK, pair.target.astype(np.float64))]
    source = pair.source.astype(np.float64)
    if outcome.registration is not None:
        places.append(("source, registered", RED, se3.apply(outcome.registration.T_target_source, source)))
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


def _named(outcome: Outcome) -> str:
    where = f"{outcome.case.scene} {outcome.case.target}-{outcome.case.source}".strip()
    return f"{where}, confidence {outcome.confidence:.3f}"
