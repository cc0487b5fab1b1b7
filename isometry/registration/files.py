"""Registration of two clouds from files: their viewpoints, coordinates far from the origin, the answer as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError

Array = NDArray[np.float64]
FAR_METRES = 10_000.0  # coordinates beyond, as of a map in UTM, are those of no sensor's frame
SCAN_ENDINGS = (".bin",)  # files that hold a scan in its sensor's frame, whoever wrote them
REASONS = {
    "ok": "accepted",
    "low_confidence": "not accepted: the confidence is too low",
    "no_hypothesis": "not accepted: no transform was found that the two clouds agree with",
}


def viewpoint_of(path: Path, asked: str) -> Array | None:
    """Where the sensor stood in a file's frame: (3,) metres, or None where nobody knows.

    `asked` is "origin" (a scan in its sensor's frame), "none" (a map or a model), "x,y,z", or "auto": the origin for
    KITTI's .bin, none for the others. What a PCD says in its VIEWPOINT is not used: nearly all have the default there,
    whatever they hold. Raises ValueError for something else.
    """
    if asked == "auto":
        return np.zeros(3) if path.suffix.lower() in SCAN_ENDINGS else None
    if asked in ("origin", "none"):
        return np.zeros(3) if asked == "origin" else None
    try:
        viewpoint = np.array([float(part) for part in asked.split(",")])
    except ValueError:
        viewpoint = np.zeros(0)
    if viewpoint.shape != (3,) or not np.isfinite(viewpoint).all():
        raise ValueError(f"viewpoint {asked!r}: it must be auto, origin, none or x,y,z in metres")
    return viewpoint


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
