"""Views of an object from all around at low resolution, and how well each fits to an observed depth and silhouette."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.rendering import Renderer, rays_through
from isometry.object_pose.sphere import rotations
from isometry.object_pose.types import Observation

ROTATIONS = 576
SIZE = 64  # pixels of a side
WIDTH = 1.8  # of a view, over the diameter: a view is shifted by up to 0.4 diameters without leaving it
DISTANCE = 4.0  # of the camera, over the diameter
DEPTH_TOLERANCE = 0.08  # of the diameter: half a step from one rotation to the next moves the surface as much
COMPARED_PIXELS = 400  # of the mask
INSIDE_DEPTH = 0.35  # of the middle behind the surface that is seen, over the diameter, to begin with


@dataclass(frozen=True, eq=False)
class Views:
    """Depth of V views of an object, whose middle is straight ahead of the camera."""

    rotations: Array  # (V,3,3) R_camera_object
    depth: NDArray[np.float32]  # (V,SIZE,SIZE) metres behind the middle of the object; NaN beside it
    diameter: float  # metres

    @cached_property
    def spectra(self) -> NDArray[np.complex64]:
        """Fourier transforms of the silhouettes, complex conjugated."""
        silhouettes = np.isfinite(self.depth).astype(np.float32)
        return np.asarray(np.conj(fft.rfft2(silhouettes)))


@dataclass(frozen=True, eq=False)
class RankedPoses:
    """Poses of views that were fitted to an observation, best first."""

    T_camera_object: Array  # (V,4,4)
    fits: Array  # (V,) 0 to 1


def _grid() -> Array:
    """Tangents (SIZE*SIZE,2) of the rays of a view, over the ratio of the diameter to the distance."""
    steps = (np.arange(SIZE) - 0.5 * (SIZE - 1)) * WIDTH / SIZE
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def render_views(renderer: Renderer) -> Views:
    """Views of a mesh from evenly spread rotations."""
    mesh = renderer.mesh
    turns = rotations(ROTATIONS)
    distance = DISTANCE * mesh.diameter
    poses = np.tile(np.eye(4), (ROTATIONS, 1, 1))
    poses[:, :3, :3] = turns
    poses[:, :3, 3] = [0.0, 0.0, distance] - turns @ mesh.centre
    camera = np.diag([DISTANCE, DISTANCE, 1.0])
    depth = renderer.depth(poses, rays_through(camera, _grid())).reshape(ROTATIONS, SIZE, SIZE)
    return Views(turns, np.where(depth > 0.0, depth - distance, np.nan).astype(np.float32), mesh.diameter)


def rank(views: Views, centre: Array, observation: Observation, points: Array) -> RankedPoses:
    """All views, each shifted to where its silhouette fits best and moved in depth to the measured surface.

    `centre` (3,): the middle of the mesh in the object's frame; `points` (P,3): measured on the object.
    """
    middle = np.median(points, axis=0)
    distance = float(np.linalg.norm(middle)) + INSIDE_DEPTH * views.diameter
    R_view_camera = se3.levelling_rotation(middle)
    depth, inside, occluded = _seen(observation, R_view_camera, distance, views.diameter)
    # a silhouette should cover the mask, and nothing beside it but what is in front of the object
    beside = ~inside & ~occluded
    spectrum = fft.rfft2(inside.astype(np.float32) - beside.astype(np.float32))
    overlap = fft.irfft2(views.spectra * spectrum, s=(SIZE, SIZE))
    shifts = np.argmax(overlap.reshape(len(overlap), -1), axis=1)
    down, right = np.divmod(shifts, SIZE)
    down, right = (np.where(s >= SIZE // 2, s - SIZE, s) for s in (down, right))
    fits, offsets = _compare(views, depth, inside, beside, down, right)
    scale = WIDTH / SIZE * views.diameter * (distance + offsets) / distance
    places = np.stack([right * scale, down * scale, distance + offsets], axis=1)
    poses = np.tile(np.eye(4), (len(fits), 1, 1))
    poses[:, :3, :3] = R_view_camera.T @ views.rotations
    poses[:, :3, 3] = places @ R_view_camera - poses[:, :3, :3] @ centre
    order = np.argsort(-fits)
    return RankedPoses(poses[order], fits[order])


def _seen(
    observation: Observation, R_view_camera: Array, distance: float, diameter: float
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """The image as a camera sees it that looks straight at the object from where the real one is.

    Depth (SIZE,SIZE) in metres beyond `distance`, NaN where nothing was measured; the mask; and where something is in
    front of the object or outside of the image.
    """
    rays = np.column_stack([_grid() * diameter / distance, np.ones(SIZE * SIZE)]) @ R_view_camera
    projected = (rays / np.maximum(rays[:, 2:], 1e-6)) @ observation.camera.T
    height, width = observation.mask.shape
    u, v = np.round(projected[:, :2]).astype(np.intp).T
    known = (u >= 0) & (u < width) & (v >= 0) & (v < height) & (rays[:, 2] > 0.0)
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    measured = np.where(known, np.nan_to_num(observation.depth[v, u], nan=0.0, posinf=0.0), 0.0)
    inside = known & observation.mask[v, u]
    along = measured / np.maximum(rays[:, 2], 1e-6) - distance  # the rays have length 1 along the view
    occluded = ~inside & (~known | ((measured > 0.0) & (along < -0.6 * diameter)))
    shape = (SIZE, SIZE)
    depth = np.where(measured > 0.0, along, np.nan)
    return depth.reshape(shape), inside.reshape(shape), occluded.reshape(shape)


def _compare(
    views: Views,
    depth: Array,
    inside: NDArray[np.bool_],
    beside: NDArray[np.bool_],
    down: NDArray[np.intp],
    right: NDArray[np.intp],
) -> tuple[Array, Array]:
    """How well (V,) shifted views fit, and by how many metres (V,) each must move away from the camera."""
    rows, columns = np.nonzero(inside)
    stride = max(len(rows) // COMPARED_PIXELS, 1)
    rows, columns = rows[::stride], columns[::stride]
    number = np.arange(len(down))[:, None]
    modelled = views.depth[number, (rows - down[:, None]) % SIZE, (columns - right[:, None]) % SIZE]
    apart = depth[rows, columns] - modelled  # NaN where one of the two is missing
    valid = np.isfinite(apart)
    offsets = np.where(valid.any(axis=1), _row_medians(apart, valid), 0.0)
    tolerance = DEPTH_TOLERANCE * views.diameter
    close = np.clip(1.0 - np.abs(apart - offsets[:, None]) / tolerance, 0.0, None)
    unmeasured = np.isfinite(modelled) & ~np.isfinite(depth[rows, columns])
    agreeing = np.where(valid, close, 0.0).sum(axis=1) + 0.5 * unmeasured.sum(axis=1)
    spread = fft.irfft2(views.spectra * fft.rfft2(beside.astype(np.float32)), s=(SIZE, SIZE))
    wrong = spread[np.arange(len(down)), down % SIZE, right % SIZE] / max(inside.sum(), 1)
    return agreeing / len(rows) / (1.0 + np.maximum(wrong, 0.0)), offsets


def _row_medians(values: Array, valid: NDArray[np.bool_]) -> Array:
    """Medians (V,) of the valid ones of values (V,N) in each row; 0 in a row without."""
    ordered = np.sort(np.where(valid, values, np.inf), axis=1)
    middle = np.maximum(valid.sum(axis=1) - 1, 0) // 2
    return np.where(valid.any(axis=1), ordered[np.arange(len(values)), middle], 0.0)
