"""Following one object from image to image, by its pose in the images before; no mask is needed.

poses before -> where it is if it keeps its velocity, and if it stands
-> pixels whose depth is near that of the model there -> ICP to the visible surface, ever nearer
-> the best of these, by depth; none but the first is tried where it is as good as at first
-> lost, where it is seen through, hidden, or of other colours than at first
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags, Index
from isometry.geometry import se3
from isometry.object_pose.alignment import align
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.rendering import Window, rays_through

SIZE, MARGIN = 72, 0.25  # pixels in a row of the part of the image that is looked at, and its margin over the diameter
REACHES = (0.15, 0.075, 0.05)  # of pixels from the model's depth over the diameter, stage by stage
NARROWING = (1.0, 0.8, 0.6)  # of the reach of ICP over that, step by step
POINTS, FEWEST_POINTS = 300, 20
STIFFNESSES = (0.0, 0.05)  # free, or stiff where few points hold the object, as a flat side slides
AS_GOOD = 0.9  # score over that at first, from which no other start is tried
LEAST_SEEN = 0.8  # share of the pixels that are not hidden
HIDING = 0.25  # least distance of what hides an object from it, over the diameter: what is nearer may be its other side
LEAST_VISIBLE = 0.2  # share of the measured pixels that are not hidden by something nearer
TONES = 6  # bins of each of two shares of colour, whatever the brightness is
PRINTED = 0.4  # correlation of the brightness with that of the mesh, at first, from which a print is known
LEAST_PRINT = 0.5  # of that correlation, below which it is another side
LEAST_ALIKE = 0.5  # overlap (Bhattacharyya) of the colours with those at first


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of one image around an object. N pixels."""

    pixels: Index  # (N,2) columns and rows
    rays: Array  # (N,3) with z = 1
    depth: Array  # (N,) metres, 0 where nothing was measured
    points: Array  # (N,3) metres, in the camera's frame
    colours: NDArray[np.uint8]  # (N,3)


@dataclass(frozen=True, eq=False)
class Sighting:
    """How an object at a pose is seen in an image: shares of the measured pixels in its silhouette."""

    T_camera_object: Array  # (4,4)
    on: float  # at the depth of the model
    hidden: float  # by something that is clearly nearer
    through: float  # behind it
    closeness: float  # mean agreement of the depth, 0 to 1
    measured: int  # pixels in the silhouette
    pixels: Index  # (M,2) columns and rows of those on the model
    points: Array  # (P,3) metres, some of them, in the camera's frame
    tones: Array  # (TONES^2,) distribution of the colours on it

    @property
    def score(self) -> float:
        """By which poses are compared."""
        return self.closeness - self.through


class ObjectTracker:
    """Follows one object. Poses are in a frame that does not move with the camera, where the robot knows one."""

    def __init__(
        self, model: ObjectModel, colour: NDArray[np.uint8], depth: Array, camera: Array, T_camera_object: Array
    ) -> None:
        """An object that is at a pose (4,4) in an image: colour (H,W,3), depth (H,W) in metres, camera matrix (3,3)."""
        self.model = model
        patch = _patch(model, colour, depth, camera, T_camera_object)
        first = self._sighting(T_camera_object, patch)
        self._tones, self._score = first.tones, first.score
        self._print = self._print_of(T_camera_object, patch)
        self._T_step = np.eye(4)  # from the object's frame in the last image to that in the one before

    def follow(
        self, colour: NDArray[np.uint8], depth: Array, camera: Array, T_camera_object_before: Array
    ) -> Sighting | None:
        """How the object is seen in the next image, and where; None where it is lost.

        `T_camera_object_before` (4,4) is where the object would be if it had stood still.
        """
        moving = T_camera_object_before @ self._T_step
        patch = _patch(self.model, colour, depth, camera, moving)
        best = self._best(product((moving, T_camera_object_before), STIFFNESSES), patch)
        if self._is_lost(best, patch):
            return None
        self._T_step = se3.inverse(T_camera_object_before) @ best.T_camera_object
        return best

    def _best(self, starts: Iterable[tuple[Array, float]], patch: Patch) -> Sighting:
        """The best of the poses from several starts; the first one that is as good as at first is taken."""
        tried: list[Sighting] = []
        for T, stiffness in starts:
            tried.append(self._aligned(T, patch, stiffness))
            if tried[-1].score > AS_GOOD * self._score:
                return tried[-1]
        return max(tried, key=lambda sighting: sighting.score)

    def _is_lost(self, sighting: Sighting, patch: Patch) -> bool:
        visible = 1.0 - sighting.hidden
        if sighting.measured < FEWEST_POINTS or visible < LEAST_VISIBLE or sighting.on < LEAST_SEEN * visible:
            return True
        if float(np.sqrt(sighting.tones * self._tones).sum()) < LEAST_ALIKE:
            return True
        return self._print > PRINTED and self._print_of(sighting.T_camera_object, patch) < LEAST_PRINT * self._print

    def _print_of(self, T_camera_object: Array, patch: Patch) -> float:
        """Correlation of the brightness seen with that of the mesh; 0 for a mesh without colours."""
        if self.model.mesh.colours is None:
            return 0.0
        view = self.model.renderer.view(T_camera_object, patch.rays)
        on = view.silhouette & (np.abs(patch.depth - view.depth) < _tolerance(T_camera_object))
        if on.sum() < FEWEST_POINTS:
            return 0.0
        brightness = np.stack([view.colours[on].mean(axis=1), patch.colours[on].mean(axis=1)])
        return float(np.nan_to_num(np.corrcoef(brightness)[0, 1])) if brightness.std(axis=1).min() > 0.0 else 0.0

    def _aligned(self, T_camera_object: Array, patch: Patch, stiffness: float) -> Sighting:
        for reach in REACHES:
            within = max(reach * self.model.mesh.diameter, _tolerance(T_camera_object))
            near = self._near(T_camera_object, patch, within)
            if near.sum() < FEWEST_POINTS:
                break
            reaches = [step * within for step in NARROWING]
            points = _some(patch.points[near])
            T_camera_object = align(T_camera_object[None], points, self.model, reaches, True, stiffness)[0]
        # a rotation that has lost its form by rounding would lose more of it in each image
        rotation = se3.nearest_rotation(T_camera_object[:3, :3])
        return self._sighting(se3.from_rotation_translation(rotation, T_camera_object[:3, 3]), patch)

    def _near(self, T_camera_object: Array, patch: Patch, metres: float) -> Flags:
        """Pixels (N,) within so many metres of the model's depth."""
        modelled = self.model.renderer.depth(T_camera_object, patch.rays)
        return np.asarray((modelled > 0.0) & (patch.depth > 0.0) & (np.abs(patch.depth - modelled) < metres))

    def _sighting(self, T_camera_object: Array, patch: Patch) -> Sighting:
        modelled = self.model.renderer.depth(T_camera_object, patch.rays)
        measured = (modelled > 0.0) & (patch.depth > 0.0)
        tolerance = _tolerance(T_camera_object)
        apart = patch.depth[measured] - modelled[measured]
        on, count = np.abs(apart) < tolerance, max(int(measured.sum()), 1)
        return Sighting(
            T_camera_object,
            float(on.sum() / count),
            float((apart < -HIDING * self.model.mesh.diameter).sum() / count),
            float((apart >= tolerance).sum() / count),
            float((1.0 - np.abs(apart[on]) / tolerance).sum() / count),
            int(measured.sum()),
            patch.pixels[measured][on],
            _some(patch.points[measured][on]),
            _tones(patch.colours[measured][on]),
        )


def _tolerance(T_camera_object: Array) -> float:
    """Metres by which the camera's depth can be off at the object."""
    return float(depth_tolerance(T_camera_object[2, 3]))


def _patch(model: ObjectModel, colour: NDArray[np.uint8], depth: Array, camera: Array, T_camera_object: Array) -> Patch:
    """The pixels around an object; none where it is behind the camera or out of view."""
    centre = se3.apply(T_camera_object, model.mesh.centre[None])[0]
    z = max(float(centre[2]), 1e-3)
    radius = (0.5 + MARGIN) * model.mesh.diameter / z * np.array([camera[0, 0], camera[1, 1]])
    left, top = (camera @ (centre / z))[:2] - radius
    step = max(2.0 * float(radius.max()) / (SIZE - 1), 1.0)
    columns, rows = (2.0 * radius / step).astype(int) + 1
    window = Window(float(left), float(top), int(columns), int(rows), step)
    pixels = np.round(window.pixels()).astype(np.intp)
    height, width = depth.shape
    pixels = pixels[np.all((pixels >= 0) & (pixels < [width, height]), axis=1)]
    u_seen, v_seen = pixels.T
    measured = np.nan_to_num(depth[v_seen, u_seen], nan=0.0, posinf=0.0)
    rays = rays_through(camera, pixels.astype(np.float64))
    return Patch(pixels, rays, measured, rays * measured[:, None], colour[v_seen, u_seen])


def _some(points: Array) -> Array:
    """At most `POINTS` of the points (N,3), always the same ones."""
    return np.random.default_rng(0).permutation(points)[:POINTS]


def _tones(colours: NDArray[np.uint8]) -> Array:
    """The distribution (TONES^2,) of colours (N,3) by their shares of red and green."""
    shares = (colours + 1.0) / (colours + 1.0).sum(axis=1, keepdims=True)
    bins = np.minimum((TONES * np.clip(2.0 * shares[:, :2] - 1.0 / 6.0, 0.0, 1.0)).astype(np.intp), TONES - 1)
    counts = np.bincount(bins[:, 0] * TONES + bins[:, 1], minlength=TONES * TONES).astype(float)
    return np.asarray(counts / max(len(colours), 1))
