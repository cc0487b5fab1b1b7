"""New views of a room along new camera paths: exact poses and depth, rendered from a fused, registered mesh.

What a generated video has to be guided to (IDCNet: image and depth that fit to each other and to the camera's path) is
given here by the geometry: the mesh is fused from the room's own images, and rendered from where no image was taken.
"""

from __future__ import annotations

import cv2
import numpy as np
import open3d
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.training.depth.augmentation import MEAN_COLOUR
from isometry.training.depth.rooms import Room

CHANNELS = [open3d.core.SizeVector([count]) for count in (1, 1, 3)]  # of distance, weight and colour
VOXEL_M = 0.02
TRUNCATION = 4.0  # voxels
BLOCK = 16  # voxels a side of what is allocated at once
BLOCKS = 10_000  # at the start
LEAST_WEIGHT = 2.0  # images that show a voxel of the surface
FURTHEST_M = 4.5  # of what is fused: errors grow with the square of the distance
TURN_RAD = (0.35, 0.35, 0.6)  # standard deviations about the camera's x, y and z: pitch, yaw and roll
MOVE_M = 0.15  # standard deviation along each axis
SAME_SURFACE = 0.03  # relative difference of depths
LEAST_SEEN = 0.5  # of the pixels of a view that is kept
TRIES = 20  # for each view


def fused(room: Room) -> open3d.t.geometry.TriangleMesh:
    """A coloured mesh of all frames whose pose is known: Curless and Levoy (1996). Raises ValueError without any."""
    known = np.flatnonzero(np.isfinite(room.poses).all(axis=(1, 2)))
    if len(known) == 0:
        raise ValueError(f"{room.name}: no poses, and without them no mesh to render new views of")
    volume = open3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"), (open3d.core.float32,) * 3, CHANNELS, VOXEL_M, BLOCK, BLOCKS
    )
    matrix = open3d.core.Tensor.from_numpy(room.matrix)
    for k in known:
        T_camera_world = open3d.core.Tensor.from_numpy(se3.inverse(room.poses[k]))
        depth = open3d.t.geometry.Image(np.ascontiguousarray(room.depth[k]))
        colour = open3d.t.geometry.Image(room.images[k].astype(np.float32) / 255.0)
        blocks = volume.compute_unique_block_coordinates(depth, matrix, T_camera_world, 1.0, FURTHEST_M, TRUNCATION)
        volume.integrate(blocks, depth, colour, matrix, matrix, T_camera_world, 1.0, FURTHEST_M, TRUNCATION)
    return volume.extract_triangle_mesh(weight_threshold=LEAST_WEIGHT)


def rendered(mesh: open3d.t.geometry.TriangleMesh, room: Room, count: int, seed: int) -> Room:
    """New views of a room by its camera: recorded poses, moved and turned at random; there may be fewer than `count`.

    Raises ValueError where no view shows enough of the mesh.
    """
    random = np.random.default_rng(seed)
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh)
    known = np.flatnonzero(np.isfinite(room.poses).all(axis=(1, 2)))
    views: list[tuple[NDArray[np.uint8], NDArray[np.float32], Array]] = []
    for _ in range(TRIES * count):
        if len(views) == count:
            break
        k = int(random.choice(known))
        turn = Rotation.from_rotvec(random.normal(0.0, TURN_RAD)).as_matrix()
        T_world_camera = room.poses[k] @ se3.from_rotation_translation(turn, random.normal(0.0, MOVE_M, 3))
        depth, colours = view(mesh, scene, room, T_world_camera)
        if (depth > 0.0).mean() >= LEAST_SEEN:
            views.append((recoloured(colours, depth, T_world_camera, room, k), depth, T_world_camera))
    if not views:
        raise ValueError(f"{room.name}: no new view shows enough of its mesh")
    images, depths, poses = zip(*views, strict=True)
    return Room(f"{room.name} rendered", np.stack(images), np.stack(depths), room.matrix, np.stack(poses))


def view(
    mesh: open3d.t.geometry.TriangleMesh, scene: open3d.t.geometry.RaycastingScene, room: Room, T_world_camera: Array
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Depth (H,W) in metres and colours (H,W,3) of the mesh in `scene`, seen by the room's camera.

    Where no ray meets it from its front, depth is 0 and the colour is that of nothing seen.
    """
    height, width = room.depth.shape[1:]
    rays = open3d.t.geometry.RaycastingScene.create_rays_pinhole(
        open3d.core.Tensor.from_numpy(room.matrix),
        open3d.core.Tensor.from_numpy(se3.inverse(T_world_camera)),
        width,
        height,
    )
    hit = scene.cast_rays(rays)
    # of these rays the component along the optical axis is 1: the distance in their units is the depth
    depth = hit["t_hit"].numpy()
    along = (rays.numpy()[..., 3:] * hit["primitive_normals"].numpy()).sum(axis=2)
    seen = np.isfinite(depth) & (along < 0.0)
    corners = mesh.triangle.indices.numpy()[np.where(seen, hit["primitive_ids"].numpy(), 0).astype(np.intp)]
    u, v = np.moveaxis(hit["primitive_uvs"].numpy(), 2, 0)
    weights = np.stack([1.0 - u - v, u, v], axis=2)
    colours = 255.0 * (mesh.vertex.colors.numpy()[corners] * weights[..., None]).sum(axis=2)
    painted = np.where(seen[..., None], np.clip(colours, 0.0, 255.0), MEAN_COLOUR)
    return np.where(seen, depth, 0.0).astype(np.float32), painted.astype(np.uint8)


def recoloured(
    colours: NDArray[np.uint8], depth: NDArray[np.float32], T_world_camera: Array, room: Room, k: int
) -> NDArray[np.uint8]:
    """The view's colours (H,W,3), sharp where the k-th image of the room shows the same surface."""
    v, u = np.indices(depth.shape)
    rays = np.stack([u, v, np.ones(depth.shape)], axis=2) @ np.linalg.inv(room.matrix).T
    T_recorded_camera = se3.inverse(room.poses[k]) @ T_world_camera
    points = se3.apply(T_recorded_camera, (rays * depth[..., None]).reshape(-1, 3))
    ahead = np.maximum(points[:, 2:], 1e-3)
    at = ((points @ room.matrix.T)[:, :2] / ahead).astype(np.float32).reshape(*depth.shape, 2)
    image = cv2.remap(room.images[k], at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    recorded = cv2.remap(room.depth[k], at[..., 0], at[..., 1], cv2.INTER_NEAREST)
    same = (depth > 0.0) & (np.abs(recorded - points[:, 2].reshape(depth.shape)) < SAME_SURFACE * recorded)
    return np.where(same[..., None], image, colours)
