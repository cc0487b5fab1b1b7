"""Registration of two clouds from files: their viewpoints, coordinates far from the origin, the answer as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError

FAR_METRES = 10_000.0  # coordinates beyond, as of a map in UTM, are those of no sensor's frame
REASONS = {
    "ok": "accepted",
    "low_confidence": "not accepted: the confidence is too low",
    "no_hypothesis": "not accepted: no transform was found that the two clouds agree with",
}


def register_points(
    registrar: Registrar,
    target: Array,
    source: Array,
    target_viewpoint: Array | None = None,
    source_viewpoint: Array | None = None,
) -> Registration:
    """Register points (N,3) and (M,3) in metres, in any frames.

    Clouds far from their origin are registered about their middle; the covariance is then that of a frame there with
    the source's axes, because the source's own origin, thousands of kilometres away, has none that means anything.
    Raises UnusableCloudError, saying which of the two, for a cloud that cannot be registered.
    """
    clouds, shifts = [], []
    for name, points, viewpoint in (("target", target, target_viewpoint), ("source", source, source_viewpoint)):
        shift = middle(points)
        seen_from = None if viewpoint is None else viewpoint - shift
        try:
            clouds.append(prepare(points - shift, registrar.parameters, seen_from))
        except UnusableCloudError as error:
            raise UnusableCloudError(f"{name}: {error}") from error
        shifts.append(se3.from_rotation_translation(np.eye(3), shift))
    found = registrar.register(*clouds)
    return replace(found, T_target_source=shifts[0] @ found.T_target_source @ se3.inverse(shifts[1]))


def middle(points: Array) -> Array:
    """Whole metres (3,) to take off coordinates that are far from the origin; zeros where they are not."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) == 0 or np.abs(finite).max() < FAR_METRES:
        return np.zeros(3)
    return np.asarray(np.round(np.median(finite, axis=0)))


def as_table(registration: Registration) -> dict[str, Any]:
    """The answer by name, in JSON's types: metres, radians unless the name says degrees; None for what is unknown."""
    T = registration.T_target_source
    sigmas = np.sqrt(np.diagonal(registration.covariance))
    known = bool(registration.proposed_by)
    return {
        "T_target_source": T.tolist(),
        "translation_m": T[:3, 3].tolist(),
        "quaternion_xyzw": se3.to_quaternion(T).tolist(),
        "confidence": registration.confidence,
        "accepted": registration.accepted,
        "reason": registration.reason,
        "overlap": registration.overlap,
        "sigma_translation_m": sigmas[:3].tolist() if known else None,
        "sigma_rotation_deg": np.degrees(sigmas[3:]).tolist() if known else None,
        "covariance": registration.covariance.tolist() if known else None,
        "proposed_by": registration.proposed_by,
        "evidence": registration.evidence,
        "seconds": registration.seconds,
    }
