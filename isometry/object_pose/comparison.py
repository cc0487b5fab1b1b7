"""One observation of an object, ready for comparison with poses of its model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isometry.arrays import Array
from isometry.object_pose.alignment import align
from isometry.object_pose.colour import log_likelihoods
from isometry.object_pose.crop import Crop, crop_around
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.refinement import Border, border_of, contour_equations, depth_equations, refined
from isometry.object_pose.types import Observation
from isometry.object_pose.verification import Agreement, unexplained, verify

COARSE_SIZE, MIDDLE_SIZE, FINE_SIZE = 40, 64, 96  # pixels of a side of a crop
COARSE_POINTS = 200  # measured ones in the first alignment
COARSE_REACHES = (0.2, 0.15, 0.12, 0.1, 0.08, 0.06)  # over the diameter, for each step of ICP
FINE_REACHES = (0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.03, 0.02, 0.02, 0.02)
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
    exact: bool  # as of the observation

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

    @cached_property
    def _border(self) -> Border:
        return border_of(self.fine, self.exact)

    def refined(self, poses: Array) -> Array:
        """The poses after refinement by depth and contour."""
        return refined(poses, self.points, self.fine, self._border, self.model, self.least_tolerance)

    def information(self, pose: Array) -> Array:
        """What (6,6) depth and contour tell of a pose (4,4): of the object's frame, along the camera's axes."""
        frame = pose[:3, 3]
        equations = (
            depth_equations(pose, self.points, frame, self.model, self.least_tolerance),
            contour_equations(pose, self.fine, self._border, frame, self.model, self.least_tolerance),
        )
        return np.asarray(sum((each[0] for each in equations if each is not None), np.zeros((6, 6))))

    def coarse_agreements(self, poses: Array) -> Array:
        """How well (H,) the poses explain depth and silhouette, 0 to 1, with tolerance for rough ones."""
        tolerance = max(COARSE_TOLERANCE * self.model.mesh.diameter, self.least_tolerance)
        return verify(poses, self.coarse, self.model.renderer, tolerance).total

    def agreement(self, poses: Array) -> Agreement:
        """How well the poses explain depth and silhouette."""
        tolerance = max(FINE_TOLERANCE * self.model.mesh.diameter, self.least_tolerance)
        return verify(poses, self.fine, self.model.renderer, tolerance)

    def agreements(self, poses: Array) -> Array:
        """How well (H,) the poses explain depth and silhouette, 0 to 1."""
        return self.agreement(poses).total

    def unexplained(self, pose: Array) -> float:
        """Share of the mask that a pose (4,4) does not explain; 0 where the mask is not exact."""
        return unexplained(pose, self.fine, self.model.renderer) if self.exact else 0.0

    def rough_colours(self, poses: Array) -> Array:
        """Log-likelihoods (H,) of the colours, at a lower resolution than `colours`."""
        return log_likelihoods(poses, self.middle, self.model.renderer, self.exact)

    def colours(self, poses: Array) -> Array:
        """Log-likelihoods (H,) of the colours, up to a constant."""
        return log_likelihoods(poses, self.fine, self.model.renderer, self.exact)

    def _metres(self, shares: tuple[float, ...]) -> list[float]:
        return [share * self.model.mesh.diameter for share in shares]


def depth_tolerance(depth: Array | np.floating) -> Array:
    """Metres (...) by which the camera's depth (...) can be off."""
    return np.asarray(CAMERA_TOLERANCE_M + CAMERA_TOLERANCE_PER_M * np.square(depth))


def compare(observation: Observation, model: ObjectModel, points: Array) -> Comparison:
    """Prepare an observation, with points (P,3) measured on the object."""
    coarse, middle, fine = (crop_around(observation, size) for size in (COARSE_SIZE, MIDDLE_SIZE, FINE_SIZE))
    return Comparison(model, points, coarse, middle, fine, observation.exact)
