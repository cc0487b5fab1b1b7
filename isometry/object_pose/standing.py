"""The pose of an object that a depth camera does not see, such as one of glass, by the plane it stands on.

box or mask, depth around it -> planes on which it may stand                    planes.py
each plane                   -> where its outline fits to the box best          by least squares
                             -> the plane on which it fits best

Its direction upwards is that of the plane, so two coordinates are left, which the four sides of a box determine. The
turn about this direction is left free. It is for objects whose settings say that they stand (`object_settings.py`).
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.geometry.covariance import at_point, independent
from isometry.object_pose.calibration import free_turn
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.masks import bounds
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.planes import Plane, plane_of
from isometry.object_pose.regions import around
from isometry.object_pose.rendering import rays_through
from isometry.object_pose.types import ObjectPose, Observation, PoseMode, refusal

PLANES, PLANE_POINTS, FEWEST_POINTS, PLANE_TRIALS = 3, 2000, 30, 100
FEWEST_SIDES = 3  # of a box that the border of the image does not cut: two hold the object, and one checks
LEAST_OF_PLANE = 0.1  # share of the readings around the object
ROBUST_PX = 4.0  # of a side of a box, from which its error counts less
LARGEST_MISFIT = 0.2  # root mean square of the sides' errors, over the root of the box's area: beyond, it fits nowhere
SIDE_PX, PLANE_M = 4.0, 0.01  # standard deviations: of a detector's box, and of a plane behind reflections and shadows
TILT_RADIANS = np.radians(3.0)
CONFIDENCE_OF_FREE_TURN = 1.0 / 18.0  # 10 of 180 degrees: the turn about its direction upwards is not known


class _Fit(NamedTuple):
    """An object on a plane."""

    T_camera_object: Array  # (4,4)
    misfit: float  # root mean square error of the sides of its outline, pixels
    spread_m: float  # standard deviation of its position along the plane


class StandingEstimator:
    """Finds poses of objects that stand, by their outlines."""

    name = "standing"

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The pose of an object that stands on a plane, with a free turn about its direction upwards.

        Raises ValueError for a model whose direction upwards is not known.
        """
        began = time.perf_counter()
        if _whole_sides(observation.mask).sum() < FEWEST_SIDES and observation.mask.any():
            return refusal("too_much_cut")
        stands = _stands(observation, model)
        if not stands:
            return refusal("no_depth")
        best = min((_fitted(each) for each in stands), key=lambda each: each.misfit)
        if best.misfit > LARGEST_MISFIT * stands[0].size or best.spread_m > model.mesh.diameter:
            return refusal("no_hypothesis")
        return _answer(best.T_camera_object, best.spread_m, model, time.perf_counter() - began)


class LowestPixelEstimator:
    """The trivial method: an object stands where the ray of the lowest pixel meets the plane of most readings."""

    name = "lowest-pixel"

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The pose of an object whose front edge is taken for its middle. Raises ValueError as above."""
        began = time.perf_counter()
        stands = _stands(observation, model)[:1]
        if not stands:
            return refusal("no_depth")
        return _answer(stands[0].pose(np.zeros(2)), PLANE_M, model, time.perf_counter() - began)


def _answer(T_camera_object: Array, spread_m: float, model: ObjectModel, seconds: float) -> ObjectPose:
    assert model.upright is not None
    middle = se3.apply(T_camera_object, model.mesh.centre)
    of_middle = independent(float(np.hypot(spread_m, PLANE_M)), TILT_RADIANS)
    covariance = at_point(of_middle, T_camera_object[:3, 3] - middle)
    covariance = covariance + free_turn(T_camera_object, model.upright, model.mesh.centre)
    mode = PoseMode(T_camera_object, 1.0, model.upright)
    return ObjectPose((mode,), covariance, CONFIDENCE_OF_FREE_TURN, "ambiguous", {}, {"stand": seconds})


def _stands(observation: Observation, model: ObjectModel) -> list[_Stand]:
    """The object on each plane around it, the one of most readings first. Raises ValueError as above."""
    if model.upright is None:
        raise ValueError("the model has no direction in which it stands")
    if bounds(observation.mask) is None:
        return []
    return [_Stand(plane, observation, model, model.upright) for plane in _planes(observation)]


def _whole_sides(mask: Flags) -> Flags:
    """Which of left, top, right and bottom (4,) of a mask (H,W) the border of the image does not cut."""
    strips = mask[:, :2], mask[:2], mask[:, -2:], mask[-2:]
    return np.array([not strip.any() for strip in strips])


def _planes(observation: Observation) -> list[Plane]:
    """The planes that most of the readings around an object lie on."""
    depth = np.nan_to_num(observation.depth, nan=0.0, posinf=0.0)
    v, u = np.nonzero(around(observation.mask) & (depth > 0.0))
    chosen = np.random.default_rng(0).permutation(len(u))[:PLANE_POINTS]
    rays = rays_through(observation.camera, np.column_stack([u, v])[chosen].astype(np.float64))
    readings = rays * depth[v[chosen], u[chosen], None]
    total = len(readings)
    planes: list[Plane] = []
    while len(planes) < PLANES and len(readings) >= max(FEWEST_POINTS, LEAST_OF_PLANE * total):
        plane = plane_of(readings, depth_tolerance(readings[:, 2]), PLANE_TRIALS)
        if plane is None or plane.held.sum() < LEAST_OF_PLANE * total:
            break
        planes.append(plane)
        readings = readings[~plane.held]
    return planes


class _Stand:
    """An object upright on a plane, at places (2,) in metres along it from below the lowest pixel of its box."""

    def __init__(self, plane: Plane, observation: Observation, model: ObjectModel, upright: Array) -> None:
        box = np.array(bounds(observation.mask), np.float64)
        self._plane, self._box, self._camera, self._middle = plane, box, observation.camera, model.mesh.centre
        self._whole = _whole_sides(observation.mask)
        self.size = float(np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1.0))))  # pixels
        self._across = se3.levelling_rotation(plane.normal)
        self._rotation = self._across.T @ se3.levelling_rotation(upright)
        self._turned = (model.mesh.vertices - model.mesh.centre) @ self._rotation.T
        self._lift = -(self._turned @ plane.normal).min()
        lowest = rays_through(self._camera, np.array([[0.5 * (box[0] + box[2]), box[3]]]))[0]
        self._start = lowest * (plane.middle @ plane.normal) / min(lowest @ plane.normal, -1e-6)

    def pose(self, place: Array) -> Array:
        """T_camera_object (4,4)."""
        return se3.from_rotation_translation(self._rotation, self._centre(place) - self._rotation @ self._middle)

    def errors(self, place: Array) -> Array:
        """Pixels (S,) by which sides of its outline are off: of left, top, right and bottom those that are whole."""
        points = self._turned + self._centre(place)
        pixels = (points @ self._camera.T)[:, :2] / np.maximum(points[:, 2:], 1e-3)
        sides = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
        return np.asarray((sides - self._box)[self._whole])

    def _centre(self, place: Array) -> Array:
        return np.asarray(self._start + place @ self._across[:2] + self._lift * self._plane.normal)


def _fitted(stand: _Stand) -> _Fit:
    """The object at the place where the sides of its outline are nearest to those of its box."""
    solved = least_squares(stand.errors, np.zeros(2), loss="soft_l1", f_scale=ROBUST_PX)
    information = solved.jac.T @ solved.jac / SIDE_PX**2 + np.eye(2)
    spread = float(np.sqrt(np.linalg.eigvalsh(np.linalg.inv(information))[-1]))
    return _Fit(stand.pose(solved.x), _misfit(stand, solved.x), spread)


def _misfit(stand: _Stand, place: Array) -> float:
    return float(np.sqrt(np.mean(np.square(stand.errors(place)))))
