"""From a scan to the observation that the memory keeps of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.geometry import se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.types import Observation
from isometry.sensing.birds_eye import BirdsEyeGrid, birds_eye_image
from isometry.sensing.ground import without_ground
from isometry.sensing.thinning import thinned
from isometry.sensing.units import check_metres

FEATURE_SCALE = 255.0  # an entry of a unit feature rarely exceeds one half; int8 then resolves 0.004


def observe(
    points: NDArray[np.floating],
    encoder: BirdsEyeEncoder,
    parameters: PlaceRecognitionParameters,
    up: NDArray[np.floating] | None = None,
) -> Observation:
    """Observation of a cloud (N,3) in metres in the base frame; `up` (3,) points against gravity there.

    Raises ValueError for a cloud of another shape, with too few finite points, with points so far away that their unit
    cannot be the metre, or with too little above the ground.
    """
    if points.ndim != 2 or points.shape[1] < 3:
        raise ValueError(f"a cloud must have the shape (N,3), not {points.shape}")
    cloud = points[:, :3]
    finite = np.isfinite(cloud)
    if not finite.all():
        cloud = cloud[finite.all(axis=1)]
    if len(cloud) < parameters.fewest_points:
        raise ValueError(
            f"a cloud has {len(cloud)} finite points, fewer than fewest_points = {parameters.fewest_points}"
        )
    check_metres(np.einsum("ij,ij->i", cloud, cloud))
    T_level_base = np.eye(4)
    if up is not None:
        T_level_base[:3, :3] = se3.levelling_rotation(np.asarray(up, dtype=np.float64))
        cloud = cloud @ T_level_base[:3, :3].T.astype(cloud.dtype)
    standing = without_ground(cloud, parameters.ground_height)
    image = birds_eye_image(standing, encoder.grid)
    if np.count_nonzero(image) < parameters.fewest_cells:
        raise ValueError(
            f"a cloud fills {np.count_nonzero(image)} cells within {encoder.grid.half_width:.1f} m above the ground, "
            f"fewer than fewest_cells = {parameters.fewest_cells}: check ground_height and the unit of the points"
        )
    encoding = encoder.encode(image)
    keypoints, features = local_features(encoding.features, image, encoder.grid, parameters.keypoints)
    kept = thinned(standing, parameters.cloud_voxel, parameters.cloud_points, encoder.grid.half_width)
    return Observation(encoding.descriptor, keypoints, features, image, kept, T_level_base)


def local_features(
    features: NDArray[np.float32], image: NDArray[np.uint8], grid: BirdsEyeGrid, count: int
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Keypoints (K,2) in metres and their features (K,8,F) int8: the `count` fullest places of the feature map."""
    size = features.shape[-1]
    block = grid.size // size
    fullness = image.reshape(size, block, size, block).sum(axis=(1, 3), dtype=np.int32)
    order = np.argsort(-fullness, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(order[fullness.ravel()[order] > 0], fullness.shape)
    centres = (np.arange(size) + 0.5) * block * grid.cell - grid.half_width
    keypoints = np.column_stack([centres[rows], centres[columns]]).astype(np.float32)
    chosen = features[:, :, rows, columns].transpose(2, 0, 1)
    return keypoints, np.clip(np.round(chosen * FEATURE_SCALE), -127, 127).astype(np.int8)
