"""Registration of two clouds from files, and the result as a table."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Reason, Registration, UnusableCloudError

logger = logging.getLogger(__name__)
REASONS: dict[Reason, str] = {
    "ok": "accepted",
    "low_confidence": "not accepted: the confidence is too low",
    "ambiguous": "not accepted: other transforms fit nearly as well (alternatives)",
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

    The covariance is that of the source's origin: far from the source's points, a small rotation moves it far.
    Points that are left out, as no sensor measured them, are counted in the log.

    Raises UnusableCloudError, with the name of the cloud, for one that cannot be registered.
    """
    clouds = []
    for name, points, viewpoint in (("target", target, target_viewpoint), ("source", source, source_viewpoint)):
        try:
            clouds.append(prepare(points, registrar.parameters, viewpoint))
        except UnusableCloudError as error:
            raise UnusableCloudError(f"{name}: {error}") from error
        if clouds[-1].left_out:
            logger.warning("%s: left out %d points far off all others", name, clouds[-1].left_out)
    return registrar.register(clouds[0], clouds[1])


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
        "alternatives": registration.alternatives.tolist(),
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
