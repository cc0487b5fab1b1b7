"""The report on registration: figures, error distributions, honesty of the confidence, and the worst misses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.registration import plots
from isometry.evaluation.registration.measure import Outcome

MISSES_SHOWN = 6


def write_report(
    path: Path, figures: dict[str, Any], groups_name: str, provenance: dict[str, Any], outcomes: Sequence[Outcome]
) -> Path:
    """Write the page of some figures and of the outcomes that they were computed from; returns its path."""
    return write_page(
        path,
        "Registration",
        f"{provenance['data']} · model {provenance['model']['name']} · {provenance['date']}",
        headline(figures, groups_name),
        _sections(figures, groups_name, provenance, outcomes),
    )


def headline(figures: dict[str, Any], groups_name: str) -> list[tuple[str, str]]:
    """What a reader wants to know first: values as text, and what they are."""
    tiles = []
    for group, told in figures[groups_name].items():
        errors = f"{number(told['rre_deg'], '°')}, {number(told['rte_m'], 'm')}"
        tiles.append((share(told["success"]), f"right, {groups_name} {group}: n {told['n']}, median error {errors}"))
    kept = figures["wrong_accepted_at_95_kept"]
    seconds = [told["seconds"] for told in figures[groups_name].values()]
    return [
        *tiles,
        (share(figures["wrong_accepted"]), f"wrong ones accepted ({share(figures['right_kept'])} of right ones kept)"),
        (share(kept), "wrong ones accepted where 95 % of the right ones are kept"),
        (f"{min(seconds):.2f} - {max(seconds):.2f} s", "a pair, one thread, median of each group"),
    ]


def worst_misses(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Wrong answers, those that were accepted first, then those of the highest confidence."""
    wrong = [o for o in outcomes if not o.right]
    return sorted(wrong, key=lambda o: (o.accepted, o.confidence), reverse=True)[:MISSES_SHOWN]


def _sections(
    figures: dict[str, Any], groups_name: str, provenance: dict[str, Any], outcomes: Sequence[Outcome]
) -> str:
    shown = pair(
        section(
            "Success over distance",
            "Pairs of similar distance together; bars are 95 % intervals.",
            plots.success_over_distance(outcomes),
        ),
        section(
            "Reliability of the confidence",
            "A dot's size says how many pairs it stands for.",
            plots.reliability(outcomes),
        ),
    )
    shown += pair(
        section(
            "Translation error",
            f"Share of pairs within it, by {groups_name}.",
            plots.error_distributions(outcomes, True),
        ),
        section(
            "Rotation error", f"Share of pairs within it, by {groups_name}.", plots.error_distributions(outcomes, False)
        ),
    )
    shown += section("Errors of every pair", "Those without an answer lie at the upper right.", plots.errors(outcomes))
    misses = [_miss(outcome, groups_name) for outcome in worst_misses(outcomes)]
    shown += "".join(pair(*misses[k : k + 2]) if k + 1 < len(misses) else misses[k] for k in range(0, len(misses), 2))
    groups = {
        group: {name: value for name, value in told.items() if name != "misses"}
        for group, told in figures[groups_name].items()
    }
    overall = {name: value for name, value in figures.items() if name not in (groups_name, "reliability")}
    return shown + pair(
        section("Figures", "", table=rows({**overall, groups_name: groups})),
        section("How it was made", "", table=rows(provenance)),
    )


def _miss(outcome: Outcome, groups_name: str) -> str:
    case = outcome.case
    place = f"{case.scene} {case.target} and {case.source}".strip()
    verdict = "accepted" if outcome.accepted else "not accepted"
    error = (
        f"wrong by {outcome.rotation_error:.3g}° and {outcome.translation_error:.3g} m"
        if outcome.registration is not None
        else outcome.refusal
    )
    return section(
        f"A miss: {place} ({groups_name} {case.group})",
        f"{outcome.distance:.1f} m apart, {error}; confidence {outcome.confidence:.3f}, {verdict}.",
        plots.overlay(outcome),
    )
