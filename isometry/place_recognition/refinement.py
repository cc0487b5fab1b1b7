"""The last step of the pose: registration of the two clouds from the planar pose, where the clouds are full 3D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.types import Observation
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import UnusableCloudError

# Registration corrects a verified pose. Where it ends further away than this, the clouds do not determine the pose
FURTHEST_METRES, FURTHEST_RADIANS = 1.0, np.deg2rad(4.0)


@dataclass(frozen=True)
class Refinement:
    """The pose after registration."""

    T_level_level: Array  # (4,4) the query's level frame in the keyframe's
    converged: bool  # false: registration failed, and the pose is the initial one


def refine(
    query: Observation, keyframe: Observation, T_initial: Array, parameters: PlaceRecognitionParameters
) -> Refinement:
    """Register the cloud of the query to that of the keyframe from `T_initial` (4,4) of their level frames.

    It fails for planar clouds, and where it ends further from `T_initial` than `FURTHEST_METRES`, `FURTHEST_RADIANS`.
    """
    registration = RegistrationParameters(resolution=parameters.cloud_voxel, threads=parameters.threads)
    try:
        target, source = (prepare(observation.cloud, registration) for observation in (keyframe, query))
    except UnusableCloudError:
        return Refinement(T_initial, converged=False)
    T_refined = Registrar((), registration).refine(target, source, T_initial).T_target_source
    metres, radians = se3.distance(T_initial, T_refined)
    converged = metres < FURTHEST_METRES and radians < FURTHEST_RADIANS
    return Refinement(T_refined if converged else T_initial, converged)
