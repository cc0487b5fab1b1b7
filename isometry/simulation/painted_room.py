"""A walk with a colour and depth camera through a room of painted walls, as a recording in TUM's layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.sensing.cameras import Camera

HALF_SIZE_M = np.array([1.6, 1.1, 1.9])  # of the room; y is down
SQUARE_M = 0.07  # of the paint
PAINT = 64  # squares until it repeats
DEPTH_FACTOR = 5000.0
CAMERA = Camera(np.array([[260.0, 0.0, 160.0], [0.0, 260.0, 120.0], [0.0, 0.0, 1.0]]), 320, 240)


@dataclass(frozen=True)
class PaintedRoom:
    """Walls, floor and ceiling of a room, painted in squares of random grey; the same seed gives the same paint."""

    seed: int = 0

    def view(self, camera: Camera, T_room_camera: Array) -> tuple[NDArray[np.uint8], Array]:
        """Colour (H,W,3) and depth (H,W) in metres that a camera without distortion sees from inside the room."""
        quarters = [(x, y) for x in (-0.25, 0.25) for y in (-0.25, 0.25)]
        shades = [self._seen(camera, T_room_camera, x, y)[0] for x, y in quarters]
        grey = np.mean(shades, axis=0).astype(np.uint8)
        _, depth = self._seen(camera, T_room_camera, 0.0, 0.0)
        return np.repeat(grey[..., None], 3, axis=2), depth

    def _seen(self, camera: Camera, T_room_camera: Array, right: float, down: float) -> tuple[Array, Array]:
        """Shade (H,W) and depth (H,W) along the rays through points so many pixels from the middles of the pixels."""
        v, u = np.mgrid[: camera.height, : camera.width]
        rays = np.stack([u + right, v + down, np.ones(u.shape)], axis=2) @ np.linalg.inv(camera.matrix).T
        directions, origin = rays @ T_room_camera[:3, :3].T, T_room_camera[:3, 3]
        directions[np.abs(directions) < 1e-12] = 1e-12
        to_walls = (np.sign(directions) * HALF_SIZE_M - origin) / directions
        wall, depth = to_walls.argmin(axis=2), to_walls.min(axis=2)
        squares = np.floor((origin + directions * depth[..., None]) / SQUARE_M).astype(np.int64)
        for axis in range(3):  # a wall is one layer of squares
            squares[..., axis][wall == axis] = axis
        paint = np.random.default_rng(self.seed).uniform(30.0, 225.0, (PAINT, PAINT, PAINT))
        return paint[tuple(np.moveaxis(squares % PAINT, 2, 0))], depth


def walk_pose(k: int) -> Array:
    """T_room_camera (4,4) at the k-th image of a walk: 2 cm and 0.6 degrees an image."""
    turn = Rotation.from_euler("yx", [0.6 * k + 20.0, 0.15 * k], degrees=True).as_matrix()
    return se3.from_rotation_translation(turn, np.array([0.02 * k - 0.2, 0.004 * k, 0.005 * k - 0.6]))


def write_walk(root: Path, images: int, rate_hz: float = 10.0, room: PaintedRoom | None = None) -> None:
    """Write a walk of so many images as a recording in TUM's layout, with true poses; `root` must not exist."""
    for folder in ("rgb", "depth"):
        (root / folder).mkdir(parents=True)
    seen = room or PaintedRoom()
    lists: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    for k in range(images):
        stamp = f"{k / rate_hz:.6f}"
        colour, depth = seen.view(CAMERA, walk_pose(k))
        Image.fromarray(colour).save(root / f"rgb/{stamp}.png")
        Image.fromarray(np.round(DEPTH_FACTOR * depth).astype(np.uint16)).save(root / f"depth/{stamp}.png")
        lists["rgb"].append(f"{stamp} rgb/{stamp}.png")
        lists["depth"].append(f"{stamp} depth/{stamp}.png")
        numbers = [*walk_pose(k)[:3, 3], *se3.to_quaternion(walk_pose(k))]
        lists["groundtruth"].append(" ".join([stamp, *(f"{number:.9f}" for number in numbers)]))
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    np.savetxt(root / "camera-intrinsics.txt", CAMERA.matrix)
