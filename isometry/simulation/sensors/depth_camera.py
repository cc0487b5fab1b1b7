"""A handheld depth camera, by ray casting, and the fragments that are fused from its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.shapes import Mesh


@dataclass(frozen=True)
class DepthCamera:
    """A pinhole camera (x right, y down, z forward) with the depth noise of the first Kinect.

    The noise along the ray grows with the square of the depth: Nguyen, Izadi and Lovell, "Modeling Kinect sensor noise
    for improved 3D reconstruction and tracking" (3DIMPVT 2012). The image has fewer pixels than a real one, for speed.
    """

    width: int = 160
    height: int = 120
    focal_pixels: float = 146.25  # 585 at 640 columns, a field of view of 57 deg
    nearest_m: float = 0.4
    range_m: float = 4.5
    noise: float = 0.3  # factor of a single frame's noise; a real fragment averages over many more pixels than these
    warp: float = 0.002  # standard deviation of the smooth distortion of depth by the lens, as a share of the depth
    grazing_deg: float = 80.0  # largest angle of incidence, from the normal, that is measured

    def directions(self) -> Array:
        """Directions (H*W,3) of the pixels' centres, with z = 1."""
        u = (np.arange(self.width) - (self.width - 1) / 2.0) / self.focal_pixels
        v = (np.arange(self.height) - (self.height - 1) / 2.0) / self.focal_pixels
        return np.stack([*np.meshgrid(u, v), np.ones((self.height, self.width))], axis=-1).reshape(-1, 3)


class DepthSimulator:
    """Depth images of a mesh."""

    def __init__(self, mesh: Mesh, camera: DepthCamera, random: np.random.Generator) -> None:
        """`random` draws the depth distortion of this camera's lens."""
        self.camera = camera
        self._directions = camera.directions()
        coarse = random.normal(size=(6, 8))
        smooth = zoom(coarse, (camera.height / 6, camera.width / 8), order=3)
        self._distortion = 1.0 + camera.warp * smooth.ravel()
        self._caster = RayCaster(mesh)

    def clearance(self, positions: Array) -> Array:
        """Distance (P,) in metres from each position (P,3) to the mesh."""
        return self._caster.clearance(positions)

    def frame(self, T_world_camera: Array, random: np.random.Generator) -> Array:
        """Points (M,3) in metres in the camera's frame at a 4x4 pose."""
        camera = self.camera
        hit = self._caster.cast(T_world_camera, self._directions)
        depth = hit["t_hit"].astype(np.float64)  # directions have z = 1, so that their multiple is the depth
        normals = hit["primitive_normals"] @ T_world_camera[:3, :3]
        facing = np.abs(np.einsum("ij,ij->i", normals, self._directions)) / np.linalg.norm(self._directions, axis=1)
        measured = (depth >= camera.nearest_m) & (depth <= camera.range_m)
        measured &= facing > np.cos(np.radians(camera.grazing_deg))
        depth, directions = depth[measured], self._directions[measured]
        noise = camera.noise * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
        smooth = gaussian_filter(random.normal(size=(camera.height, camera.width)), 1.5)
        smooth /= smooth.std()
        depth = depth * self._distortion[measured] + noise * smooth.ravel()[measured]
        points: Array = directions * depth[:, None]
        return points

    def fragment(self, poses: Array, voxel: float, random: np.random.Generator) -> NDArray[np.float32]:
        """Points (M,3) of frames at poses (K,4,4), averaged in voxels of `voxel` metres, in the first camera's frame.

        Frames are fused at poses that drift by millimetres and hundredths of a degree, as tracked poses do.
        """
        clouds = []
        drift = np.cumsum(random.normal(size=(len(poses), 6)) * ([0.0005] * 3 + [0.0002] * 3), axis=0)
        for T_world_camera, error in zip(se3.inverse(poses[0]) @ poses, drift - drift[0], strict=True):
            points = self.frame(poses[0] @ T_world_camera, random)
            T_tracked = se3.from_rotation_translation(Rotation.from_rotvec(error[3:]).as_matrix(), error[:3])
            clouds.append(se3.apply(T_tracked @ T_world_camera, points))
        fused = small_gicp.voxelgrid_sampling(np.vstack(clouds), voxel)
        return np.asarray(fused.points())[:, :3].astype(np.float32)


def looking(position: Array, target: Array, roll: float) -> Array:
    """Pose (4,4) of a camera at a position (3,) that looks at a target (3,), rolled by `roll` radians."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    level = np.column_stack([right, np.cross(forward, right), forward])
    return se3.from_rotation_translation(level @ Rotation.from_rotvec([0.0, 0.0, roll]).as_matrix(), position)
