"""The last step of the pose: the registration of the two clouds, from the planar pose on, where they are full 3D."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.types import Observation
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import UnusableCloudError

# Registration corrects a pose that was verified; where it walks away from it, the clouds do not hold the pose
FURTHEST_METRES, FURTHEST_RADIANS = 1.0, np.deg2rad(4.0)


def refine(query: Observation, keyframe: Observation, T_start: Array, parameters: PlaceRecognitionParameters) -> Array:
    """The query's level frame in the keyframe's (4,4) by registration from `T_start`.

    It is `T_start` itself where registration has no answer: for planar clouds, and where it walks away from the start.
    """
    registration = RegistrationParameters(resolution=parameters.cloud_voxel, threads=parameters.threads)
    try:
        target, source = (prepare(observation.cloud, registration) for observation in (keyframe, query))
    except UnusableCloudError:
        return T_start
    T_refined = Registrar((), registration).refine(target, source, T_start).T_target_source
    moved = se3.inverse(T_start) @ T_refined
    stayed = np.linalg.norm(moved[:3, 3]) < FURTHEST_METRES and se3.rotation_angle(moved) < FURTHEST_RADIANS
    return T_refined if stayed else T_start
