"""One observation of an object, ready for comparison with poses of its model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.object_pose.alignment import align
from isometry.object_pose.colour import log_likelihoods
from isometry.object_pose.crop import Crop, crop_around
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.types import Observation
from isometry.object_pose.verification import verify

COARSE_SIZE, MIDDLE_SIZE, FINE_SIZE = 40, 64, 96  # pixels of a side of a crop
COARSE_POINTS = 200  # measured ones in the first alignment
COARSE_REACHES = (0.2, 0.15, 0.12, 0.1, 0.08, 0.06)  # over the diameter, for each step of ICP
FINE_REACHES = (0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.03, 0.02, 0.02, 0.02)
LAST_REACHES = (0.03, 0.02, 0.02, 0.02)
COARSE_TOLERANCE, FINE_TOLERANCE = 0.08, 0.04  # of the depth, over the diameter; not less than the camera's own:
# three standard deviations, which grow with the square of the distance (Khoshelham and Elberink, 2012), and its bias
CAMERA_TOLERANCE_M, CAMERA_TOLERANCE_PER_M = 0.004, 0.0085


@dataclass(frozen=True, eq=False)
class Comparison:
    """An observation and a model. All poses are T_camera_object (H,4,4)."""

    model: ObjectModel
    points: Array  # (P,3) metres, measured on the object, in the camera's frame
    coarse: Crop
    middle: Crop
    fine: Crop

    @property
    def least_tolerance(self) -> float:
        """Metres by which the camera's depth can be off at the object."""
        return float(depth_tolerance(np.median(self.points[:, 2])))

    def aligned_coarsely(self, poses: Array) -> Array:
        """The poses after ICP from far."""
        return align(poses, self.points[:COARSE_POINTS], self.model, self._metres(COARSE_REACHES))

    def aligned(self, poses: Array) -> Array:
        """Poses (2*H,4,4) after ICP from near: to the nearest surface, and to the one that is seen.

        The nearest misleads at thin walls, the one that is seen where little but the silhouette holds an object.
        """
        reaches = self._metres(FINE_REACHES)
        ways = [align(poses, self.points, self.model, reaches, visible) for visible in (False, True)]
        return np.concatenate(ways)

    def settled(self, poses: Array) -> Array:
        """The poses after the last steps of ICP."""
        return align(poses, self.points, self.model, self._metres(LAST_REACHES), visible=True)

    def coarse_agreements(self, poses: Array) -> Array:
        """How well (H,) the poses explain depth and silhouette, 0 to 1, with tolerance for rough ones."""
        tolerance = max(COARSE_TOLERANCE * self.model.mesh.diameter, self.least_tolerance)
        return verify(poses, self.coarse, self.model.renderer, tolerance).total

    def agreements(self, poses: Array) -> Array:
        """How well (H,) the poses explain depth and silhouette, 0 to 1."""
        tolerance = max(FINE_TOLERANCE * self.model.mesh.diameter, self.least_tolerance)
        return verify(poses, self.fine, self.model.renderer, tolerance).total

    def rough_colours(self, poses: Array) -> Array:
        """Log-likelihoods (H,) of the colours, at a lower resolution than `colours`."""
        return log_likelihoods(poses, self.middle, self.model.renderer)

    def colours(self, poses: Array) -> Array:
        """Log-likelihoods (H,) of the colours, up to a constant."""
        return log_likelihoods(poses, self.fine, self.model.renderer)

    def _metres(self, shares: tuple[float, ...]) -> list[float]:
        return [share * self.model.mesh.diameter for share in shares]


def depth_tolerance(depth: Array | np.floating) -> Array:
    """Metres (...) by which the camera's depth (...) can be off."""
    return np.asarray(CAMERA_TOLERANCE_M + CAMERA_TOLERANCE_PER_M * np.square(depth))


def compare(observation: Observation, model: ObjectModel, points: Array) -> Comparison:
    """Prepare an observation, with points (P,3) measured on the object."""
    return Comparison(
        model, points, *(crop_around(observation, size) for size in (COARSE_SIZE, MIDDLE_SIZE, FINE_SIZE))
    )
