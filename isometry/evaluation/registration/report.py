"""The report on registration: figures, error distributions, calibration of the confidence, and the worst misses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.registration import plots
from isometry.evaluation.registration.measure import PairResult

MISSES_SHOWN = 6


def write_report(
    path: Path, figures: dict[str, Any], groups_name: str, provenance: dict[str, Any], results: Sequence[PairResult]
) -> Path:
    """Write the page of figures and of the results from which they were computed; returns its path."""
    return write_page(
        path,
        "Registration",
        f"{provenance['data']} · model {provenance['model']['name']} · {provenance['date']}",
        headline(figures, groups_name),
        _sections(figures, groups_name, provenance, results),
    )


def headline(figures: dict[str, Any], groups_name: str) -> list[tuple[str, str]]:
    """The most important figures: values as text, and labels."""
    tiles = []
    for group, of_group in figures[groups_name].items():
        errors = f"{number(of_group['rre_deg'], '°')}, {number(of_group['rte_m'], 'm')}"
        tiles.append(
            (share(of_group["success"]), f"right, {groups_name} {group}: n {of_group['n']}, median error {errors}")
        )
    kept = figures["wrong_accepted_at_95_kept"]
    seconds = [of_group["seconds"] for of_group in figures[groups_name].values()]
    return [
        *tiles,
        (share(figures["wrong_accepted"]), f"wrong ones accepted ({share(figures['right_kept'])} of right ones kept)"),
        (share(kept), "wrong ones accepted where 95 % of the right ones are kept"),
        (f"{min(seconds):.2f} - {max(seconds):.2f} s", "a pair, one thread, median of each group"),
    ]


def worst_misses(results: Sequence[PairResult]) -> list[PairResult]:
    """Wrong results: accepted ones first, then by confidence."""
    wrong = [r for r in results if not r.right]
    return sorted(wrong, key=lambda r: (r.accepted, r.confidence), reverse=True)[:MISSES_SHOWN]


def _sections(
    figures: dict[str, Any], groups_name: str, provenance: dict[str, Any], results: Sequence[PairResult]
) -> str:
    shown = pair(
        section(
            "Success over distance",
            "Pairs of similar distance together; bars are 95 % intervals.",
            plots.success_over_distance(results),
        ),
        section(
            "Reliability of the confidence",
            "The size of a dot is by its number of pairs.",
            plots.reliability(results),
        ),
    )
    shown += pair(
        section(
            "Translation error",
            f"Share of pairs within it, by {groups_name}.",
            plots.error_distributions(results, True),
        ),
        section(
            "Rotation error", f"Share of pairs within it, by {groups_name}.", plots.error_distributions(results, False)
        ),
    )
    shown += section(
        "Errors of every pair", "Those without a registration are at the upper right.", plots.errors(results)
    )
    misses = [_miss(result, groups_name) for result in worst_misses(results)]
    shown += "".join(pair(*misses[k : k + 2]) if k + 1 < len(misses) else misses[k] for k in range(0, len(misses), 2))
    groups = {
        group: {name: value for name, value in of_group.items() if name != "misses"}
        for group, of_group in figures[groups_name].items()
    }
    overall = {name: value for name, value in figures.items() if name not in (groups_name, "reliability")}
    return shown + pair(
        section("Figures", "", table=rows({**overall, groups_name: groups})),
        section("How it was made", "", table=rows(provenance)),
    )


def _miss(result: PairResult, groups_name: str) -> str:
    case = result.case
    place = f"{case.scene} {case.target} and {case.source}".strip()
    verdict = "accepted" if result.accepted else "not accepted"
    error = (
        f"wrong by {result.rotation_error:.3g}° and {result.translation_error:.3g} m"
        if result.registration is not None
        else result.refusal
    )
    return section(
        f"A miss: {place} ({groups_name} {case.group})",
        f"{result.distance:.1f} m apart, {error}; confidence {result.confidence:.3f}, {verdict}.",
        plots.overlay(result),
    )
