"""The figures of place recognition, by the names in the output of the command.

Recall is over the queries with a true revisit, the share of wrong acceptances over all. Retrieval is the descriptor
search alone; the verified place is the keyframe of the match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from isometry.evaluation.common import calibration
from isometry.evaluation.common.statistics import mean, median_and_p90
from isometry.evaluation.place_recognition.measure import QueryResult
from isometry.place_recognition.calibration import IN_PLANE


def figures(results: Sequence[QueryResult], revisit_radius: float, bytes_per_keyframe: float) -> dict[str, Any]:
    """The figures of a run. Raises ValueError without a true revisit."""
    revisits = [r for r in results if r.has_revisit]
    if not revisits:
        raise ValueError(f"none of the {len(results)} queries has a frame of the database within {revisit_radius} m")
    accepted = [r for r in revisits if r.match.accepted]
    right = [r for r in accepted if r.pose_right]
    return {
        "queries": len(results),
        "queries_with_revisit": len(revisits),
        "recall_at_1_retrieval": _share(r.retrieved_rank < 1 for r in revisits),
        "recall_at_5_retrieval": _share(r.retrieved_rank < 5 for r in revisits),
        "recall_at_1": _share(r.place_distance < revisit_radius for r in revisits),
        "accepted": _share(r.match.accepted for r in revisits),
        "recall_at_1_accepted": _share(r.match.accepted and r.place_distance < revisit_radius for r in revisits),
        **acceptance(results),
        "pose_success": len(right) / max(len(accepted), 1),
        "pose_success_all": _share(r.pose_right for r in revisits),
        "translation_error_m": median_and_p90([r.translation_error for r in accepted]),
        "rotation_error_deg": median_and_p90([r.rotation_error for r in accepted]),
        "position_error_m": median_and_p90([r.position_error for r in revisits]),
        "inside_2_sigma": inside_two_sigma(right),
        **_durations(results),
        "bytes_per_keyframe": bytes_per_keyframe,
    }


def elsewhere_figures(results: Sequence[QueryResult]) -> dict[str, Any]:
    """The figures of queries whose own place is not in the memory."""
    return _accepted(results) | acceptance(results) | _durations(results)


def world_figures(results: Sequence[QueryResult]) -> dict[str, dict[str, Any]]:
    """Acceptance by what can be known, in a world that is known exactly.

    "knowable": with a revisit, and no other place of the memory looks the same. "unknowable": another one does, so that
    an accepted answer is luck at best. "unmapped": without a revisit, and nothing in the memory looks quite the same.
    """
    groups = {
        "knowable": [r for r in results if r.knowable and r.has_revisit],
        "unknowable": [r for r in results if not r.knowable],
        "unmapped": [r for r in results if r.knowable and not r.has_revisit],
    }
    return {name: _accepted(group) | acceptance(group) for name, group in groups.items()}


def _accepted(results: Sequence[QueryResult]) -> dict[str, Any]:
    """How many queries there are, and the share of those that were accepted, rightly or wrongly."""
    return {"queries": len(results), "accepted": mean([r.match.accepted for r in results])}


def acceptance(results: Sequence[QueryResult]) -> dict[str, Any]:
    """What was accepted, and why the rest was not; shares are None without a query.

    `right_kept` is the share of the right answers that were accepted, `reasons` the share of each reason of a match.
    """
    wrong = [r for r in results if r.match.accepted and not r.pose_right]
    reasons = [str(r.match.reason) for r in results]
    shares = {reason: reasons.count(reason) / len(reasons) for reason in sorted(set(reasons))}
    return {
        "wrong_accepted": len(wrong) / len(results) if results else None,
        "wrong_accepted_frames": [r.frame for r in wrong],
        "right_kept": mean([r.match.accepted for r in results if r.pose_right]),
        "ambiguous": shares.get("ambiguous", 0.0) if results else None,
        "reasons": shares,
    }


def inside_two_sigma(results: Sequence[QueryResult]) -> dict[str, float | None]:
    """Share of the errors of right poses within two standard deviations, by axis: 0.954 when calibrated; or None."""
    axes = ("x", "y", "yaw")
    in_plane = np.ix_(IN_PLANE, IN_PLANE)
    covariances = [r.match.covariance[in_plane] for r in results if r.match.covariance is not None]
    if not covariances:
        return dict.fromkeys(axes)
    inside = calibration.inside_two_sigma(np.array([r.pose_error for r in results]), np.array(covariances))
    return dict(zip(axes, inside.tolist(), strict=True))


def sweep_figures(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each share over the yaws: mean, worst, and the value of each yaw in degrees."""
    names = ("recall_at_1_retrieval", "recall_at_5_retrieval", "recall_at_1", "pose_success", "wrong_accepted")
    sweep = {}
    for name in names:
        values = {yaw: run[name] for yaw, run in runs.items()}
        worst = max if name == "wrong_accepted" else min
        sweep[name] = {"mean": float(np.mean(list(values.values()))), "worst": worst(values.values()), "by_yaw": values}
    return sweep


def _durations(results: Sequence[QueryResult]) -> dict[str, float]:
    """Median milliseconds of each stage."""
    return {
        "descriptor_ms": _milliseconds(r.observe_seconds for r in results),
        "search_ms": _milliseconds(r.match.seconds["search"] for r in results),
        "verify_ms": _milliseconds(r.match.seconds["verify"] for r in results),
    }


def _share(flags: Iterable[bool]) -> float:
    return float(np.mean(list(flags)))


def _milliseconds(seconds: Iterable[float]) -> float:
    return float(np.median([s * 1e3 for s in seconds]))
