"""Views of a mesh by ray casting: depth, normals and colours along given rays of a camera, for many poses at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d

from isometry.arrays import Array, Flags
from isometry.object_pose.mesh import ObjectMesh

PLAIN = 0.5  # grey of a mesh without colours


@dataclass(frozen=True)
class Window:
    """A grid of pixels in an image: every `step`-th one, from the upper left."""

    left: float  # pixels, centre of the first column
    top: float
    columns: int
    rows: int
    step: float  # pixels from one to the next

    def pixels(self) -> Array:
        """Columns and rows (rows*columns,2) in the image, row by row."""
        u = self.left + self.step * np.arange(self.columns)
        v = self.top + self.step * np.arange(self.rows)
        return np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)


def window_of(points: Array, camera: Array, shape: tuple[int, ...], margin: int = 0) -> Window | None:
    """The pixels of an image (H,W,...) around points (N,3) before a camera (3,3), with a margin; None without any."""
    pixels = (points @ camera.T)[:, :2] / points[:, 2:]
    height, width = shape[:2]
    left, top = np.clip(np.floor(pixels.min(axis=0)).astype(int) - margin, 0, [width, height])
    right, bottom = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + margin + 1, 0, [width, height])
    if left >= right or top >= bottom:
        return None
    return Window(float(left), float(top), int(right - left), int(bottom - top), 1.0)


@dataclass(frozen=True, eq=False)
class View:
    """What N rays meet, for each of the poses (...)."""

    depth: Array  # (...,N) metres along the optical axis; 0 where a ray meets nothing
    normals: Array  # (...,N,3) unit, in the camera's frame, towards the camera
    colours: Array  # (...,N,3) 0 to 1

    @property
    def silhouette(self) -> Flags:
        """Rays (...,N) that meet the object."""
        return self.depth > 0.0


def rays_through(camera: Array, pixels: Array) -> Array:
    """Rays (N,3) through pixels (N,2) of a camera (3,3), with z = 1: depth is the length along them."""
    x = (pixels[:, 0] - camera[0, 2]) / camera[0, 0]
    y = (pixels[:, 1] - camera[1, 2]) / camera[1, 1]
    return np.stack([x - camera[0, 1] / camera[0, 0] * y, y, np.ones(len(pixels))], axis=1)


class Renderer:
    """Renders one mesh. Thread-safe, as it is not changed once made."""

    def __init__(self, mesh: ObjectMesh, threads: int = 1) -> None:
        self.mesh, self.threads = mesh, threads
        self._scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
        # float32 has its precision near the origin, where the mesh may not be
        local = (mesh.vertices - mesh.centre).astype(np.float32)
        self._scene.add_triangles(
            open3d.core.Tensor.from_numpy(local), open3d.core.Tensor.from_numpy(mesh.faces.astype(np.uint32))
        )

    def depth(self, T_camera_object: Array, rays: Array) -> Array:
        """Depth (...,N) in metres of poses (...,4,4) along rays (N,3) with z = 1; 0 where a ray meets nothing."""
        hit = self._cast(T_camera_object, rays)["t_hit"].numpy().astype(np.float64)
        return np.where(np.isfinite(hit), hit, 0.0)

    def view(self, T_camera_object: Array, rays: Array) -> View:
        """Depth, normals and colours of poses (...,4,4) along rays (N,3) with z = 1."""
        found = self._cast(T_camera_object, rays)
        hit = found["t_hit"].numpy().astype(np.float64)
        met = np.isfinite(hit)
        faces = np.where(met, found["primitive_ids"].numpy(), 0).astype(np.intp)
        rotation = T_camera_object[..., None, :3, :3]
        normals = np.matmul(rotation, self.mesh.face_normals[faces][..., None])[..., 0]
        normals *= -np.sign(np.sum(normals * rays, axis=-1, keepdims=True))
        u, v = np.moveaxis(found["primitive_uvs"].numpy().astype(np.float64), -1, 0)
        colours = np.full((*met.shape, 3), PLAIN)
        if self.mesh.colours is not None:
            corners = self.mesh.colours[self.mesh.faces[faces]]
            weights = np.stack([1.0 - u - v, u, v], axis=-1)
            colours = np.einsum("...k,...kc->...c", weights, corners)
        seen = met[..., None]
        return View(np.where(met, hit, 0.0), np.where(seen, normals, 0.0), np.where(seen, colours, 0.0))

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """Points (N,3) on the surface nearest to points (N,3) in the object's frame, and their colours (N,3)."""
        query = open3d.core.Tensor.from_numpy(np.ascontiguousarray(points - self.mesh.centre, np.float32))
        found = self._scene.compute_closest_points(query, nthreads=self.threads)
        nearest = found["points"].numpy().astype(np.float64) + self.mesh.centre
        if self.mesh.colours is None:
            return nearest, np.full(points.shape, PLAIN)
        u, v = found["primitive_uvs"].numpy().astype(np.float64).T
        corners = self.mesh.colours[self.mesh.faces[found["primitive_ids"].numpy().astype(np.intp)]]
        return nearest, np.einsum("nk,nkc->nc", np.stack([1.0 - u - v, u, v], axis=1), corners)

    def _cast(self, T_camera_object: Array, rays: Array) -> dict[str, open3d.core.Tensor]:
        rotation, translation = T_camera_object[..., :3, :3], T_camera_object[..., :3, 3]
        origins = -np.einsum("...ij,...i->...j", rotation, translation) - self.mesh.centre
        cast = np.empty((*T_camera_object.shape[:-2], len(rays), 6), np.float32)
        cast[..., :3] = origins[..., None, :]
        cast[..., 3:] = rays @ rotation  # in the object's frame
        found: dict[str, open3d.core.Tensor] = self._scene.cast_rays(
            open3d.core.Tensor.from_numpy(cast), nthreads=self.threads
        )
        return found
