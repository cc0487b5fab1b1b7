"""A keyframe: an image that later ones are compared with, with what was measured in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import NO_CORNERS, Corners
from isometry.depth_egomotion.corners import corners_of, flow_there_and_back
from isometry.depth_egomotion.features import Features, features_of
from isometry.depth_egomotion.frame import EVEN, RectifiedFrame
from isometry.depth_egomotion.pinhole import depth_at, lifted, projected
from isometry.depth_egomotion.surfaces import Surfaces, surfaces_of
from isometry.geometry import se3
from isometry.sensing.depth_registration import registered

CORNERS = 500
QUALITY = 0.005  # of a corner, relative to the best one
APART = 9  # pixels between corners
LEVELS = 3  # halvings of the images, in the search for a corner
RETURNS = 0.7  # pixels within which a corner followed there and back has to return
ROLLED = 0.15  # radians between a keyframe and an image, above which the image is turned back
DARK, BRIGHT = 8.0, 247.0  # grey values, means of images in which nothing later is recognised


@dataclass(frozen=True, eq=False)
class Observed:
    """A frame, with what is computed of it when it is first asked for."""

    frame: RectifiedFrame
    stamp_ns: int
    max_depth_m: float

    def with_depth_moved(self, T_colour_depth: Array) -> Observed:
        """The same with the depth as it is seen at the moment of the colour image."""
        assert self.frame.depth is not None
        depth = self.frame.depth.astype(np.float64)
        there = registered(depth, self.frame.matrix, T_colour_depth, self.frame.matrix, self.frame.shape)
        return Observed(replace(self.frame, depth=there.astype(np.float32)), self.stamp_ns, self.max_depth_m)

    def same_as(self, other: Observed) -> bool:
        """Whether both are the same images, bit by bit."""
        mine, its = self.frame, other.frame
        same_depth = mine.depth is its.depth or (
            mine.depth is not None and its.depth is not None and np.array_equal(mine.depth, its.depth)
        )
        return same_depth and np.array_equal(mine.grey, its.grey)

    @cached_property
    def shows_something(self) -> bool:
        """Whether there is depth, or anything to see."""
        return bool(self.surfaces.known.any()) or float(self.frame.grey.std()) > EVEN

    @cached_property
    def serves_as_keyframe(self) -> bool:
        """Whether there is depth, and the image is neither black nor white, as of a camera that adapts to the light."""
        return bool(self.surfaces.known.any()) and DARK < float(self.frame.grey.mean()) < BRIGHT

    @cached_property
    def surfaces(self) -> Surfaces:
        """In the camera's frame; none of them known where there is no depth."""
        depth = self.frame.depth
        return surfaces_of(np.zeros(self.frame.shape) if depth is None else depth, self.frame.matrix, self.max_depth_m)

    @cached_property
    def features(self) -> Features:
        """For the search in other images."""
        return features_of(self.frame, self.max_depth_m)


@dataclass(frozen=True, eq=False)
class Keyframe:
    """What is kept of an image. All is in its camera's frame."""

    stamp_ns: int
    grey: NDArray[np.uint8]  # (H,W)
    matrix: Array  # (3,3) pixels
    pixels: NDArray[np.float32]  # (N,2) of corners whose depth is known
    points: Array  # (N,3) metres, of these corners
    surfaces: Surfaces
    features: Features

    @cached_property
    def distance(self) -> float:
        """The median depth of what is seen, metres."""
        z = self.surfaces.points[..., 2][self.surfaces.known]
        return float(np.median(z)) if len(z) else 2.0

    def overlap(self, T_keyframe_camera: Array) -> float:
        """Share, 0 to 1, of its surfaces that are in the image of a camera of the same size."""
        points = self.surfaces.points[self.surfaces.known]
        if not len(points):
            return 0.0
        return float(np.mean(self._inside(projected(se3.apply(se3.inverse(T_keyframe_camera), points), self.matrix))))

    def followed(self, grey: NDArray[np.uint8], T_keyframe_camera: Array) -> Corners:
        """The corners that are found in an image (H,W), near where a guess of the pose puts them.

        What is around a corner is compared pixel by pixel: the image of a camera that is rolled is turned back first.
        """
        expected = projected(se3.apply(se3.inverse(T_keyframe_camera), self.points), self.matrix)
        chosen = self._inside(expected)
        if not chosen.any():
            return NO_CORNERS
        here, start = self.pixels[chosen], expected[chosen].astype(np.float32)
        roll = float(np.arctan2(T_keyframe_camera[1, 0], T_keyframe_camera[0, 0]))
        if abs(roll) < ROLLED:
            there, good = flow_there_and_back(self.grey, grey, here, start, LEVELS, RETURNS)
        else:
            upright = self.matrix @ Rotation.from_euler("z", roll).as_matrix() @ np.linalg.inv(self.matrix)
            image = np.asarray(cv2.warpPerspective(grey, upright, self.grey.shape[::-1]), np.uint8)
            there, good = flow_there_and_back(self.grey, image, here, _mapped(start, upright), LEVELS, RETURNS)
            there = _mapped(there, np.linalg.inv(upright))
        good &= self._inside(there)
        return Corners(self.points[chosen][good], there[good].astype(np.float64))

    def _inside(self, pixels: NDArray[np.floating]) -> NDArray[np.bool_]:
        rows, columns = self.grey.shape
        return np.asarray(np.all((pixels >= 0.0) & (pixels <= [columns - 1, rows - 1]), axis=1))


def _mapped(pixels: NDArray[np.float32], homography: Array) -> NDArray[np.float32]:
    """Pixels (N,2) of an image in another one, to which a homography (3,3) leads."""
    return np.asarray(cv2.perspectiveTransform(pixels[:, None], homography)[:, 0], np.float32)


def keyframe_of(observed: Observed) -> Keyframe:
    """The keyframe of a frame with depth."""
    frame = observed.frame
    assert frame.depth is not None
    measured = cv2.erode((frame.depth > 0.0).astype(np.uint8), np.ones((3, 3), np.uint8))
    pixels = corners_of(frame.grey, CORNERS, QUALITY, APART, np.asarray(measured, np.uint8))
    depth = depth_at(frame.depth, pixels)
    known = (depth > 0.0) & (depth < observed.max_depth_m)
    points = lifted(pixels[known], depth[known], frame.matrix)
    surfaces, features = observed.surfaces, observed.features
    return Keyframe(observed.stamp_ns, frame.grey, frame.matrix, pixels[known], points, surfaces, features)
