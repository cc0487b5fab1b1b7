"""Registration of two clouds from files: viewpoints, coordinates far from the origin, the result as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Reason, Registration, UnusableCloudError

FAR_METRES = 10_000.0  # larger coordinates, as of a map in UTM, are not in a sensor's frame
REASONS: dict[Reason, str] = {
    "ok": "accepted",
    "low_confidence": "not accepted: the confidence is too low",
    "no_hypothesis": "not accepted: no transform was found that the two clouds agree with",
    "out_of_time": "not accepted: the time was over before all hypotheses were verified",
}


def register_points(
    registrar: Registrar,
    target: Array,
    source: Array,
    target_viewpoint: Array | None = None,
    source_viewpoint: Array | None = None,
) -> Registration:
    """Register points (N,3) and (M,3) in metres, in any frames.

    A cloud far from its origin is registered in a frame at its centre. The covariance is then that of the frame at the
    source's centre with the source's axes: at an origin thousands of kilometres away it would not be meaningful.
    Raises UnusableCloudError, with the name of the cloud, for one that cannot be registered.
    """
    clouds, shifts = [], []
    for name, points, viewpoint in (("target", target, target_viewpoint), ("source", source, source_viewpoint)):
        shift = middle(points)
        shifted_viewpoint = None if viewpoint is None else viewpoint - shift
        try:
            clouds.append(prepare(points - shift, registrar.parameters, shifted_viewpoint))
        except UnusableCloudError as error:
            raise UnusableCloudError(f"{name}: {error}") from error
        shifts.append(se3.from_rotation_translation(np.eye(3), shift))
    found = registrar.register(clouds[0], clouds[1])
    return replace(found, T_target_source=shifts[0] @ found.T_target_source @ se3.inverse(shifts[1]))


def middle(points: Array) -> Array:
    """The centre (3,), in whole metres, of points (N,3) far from the origin; zeros for points near it."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) == 0 or np.abs(finite).max() < FAR_METRES:
        return np.zeros(3)
    return np.asarray(np.round(np.median(finite, axis=0)))


def as_table(registration: Registration) -> dict[str, Any]:
    """The result by name, in the types of JSON: metres, radians unless the name has deg; None for unknown values."""
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
