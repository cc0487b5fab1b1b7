"""The scenes of a BOP data set: frames of colour and depth, and the true poses of the instances in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.datasets.bop.values import METRES, numbers, read_numbered, transform
from isometry.datasets.errors import DatasetError
from isometry.datasets.image_file import read_colour, read_image

COLOUR_ENDINGS = (".png", ".jpg", ".jpeg")
CAMERAS, POSES, INFOS = "scene_camera.json", "scene_gt.json", "scene_gt_info.json"


@dataclass(frozen=True, eq=False)
class BopInstance:
    """One object in one frame."""

    number: int  # its place among the frame's instances
    object_number: int  # of its model
    T_camera_object: Array  # (4,4) metres
    visible: float | None  # share of its silhouette that is visible; None where the data set does not tell
    mask_path: Path

    def mask(self) -> Flags:
        """The pixels (H,W) in which it is visible. Raises DatasetError naming the file."""
        image = read_image(self.mask_path)
        return np.asarray(image.reshape(*image.shape[:2], -1)[..., 0] > 0)


@dataclass(frozen=True, eq=False)
class BopFrame:
    """One frame. An image is read when it is asked for."""

    scene: int
    number: int
    camera: Array  # (3,3) intrinsic matrix, pixels
    depth_unit: float  # metres of one unit of the depth image
    colour_path: Path
    depth_path: Path
    instances: tuple[BopInstance, ...]

    @property
    def name(self) -> str:
        """Numbers of the scene and of the frame."""
        return f"{self.scene:06d}/{self.number:06d}"

    def colour(self) -> NDArray[np.uint8]:
        """Colour image (H,W,3). Raises DatasetError naming the file."""
        return read_colour(self.colour_path)

    def depth(self) -> Array:
        """Depth image (H,W) in metres, 0 where nothing was measured. Raises DatasetError naming the file."""
        image = read_image(self.depth_path)
        if image.ndim != 2 or image.dtype != np.uint16:
            raise DatasetError(f"{self.depth_path}: not a depth image of 16 bits")
        return image * self.depth_unit


@dataclass(frozen=True, eq=False)
class BopScene:
    """Frames in order."""

    number: int
    frames: tuple[BopFrame, ...]
    without_depth: tuple[str, ...]  # names of frames that were left out


def open_scenes(root: Path, number: int | None = None) -> list[BopScene]:
    """The scenes of a data set, in order, or only the one with a number.

    They are read from all folders `test*` of it, else from `val*` and `train*`. Raises DatasetError naming what is
    missing or cannot be used.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: {'not a directory' if root.exists() else 'no such directory'}")
    folders = next((found for part in ("test", "val", "train") if (found := _scene_folders(root, part))), [])
    if not folders:
        raise DatasetError(f"{root}: no test/NNNNNN/{CAMERAS} in it")
    chosen = [folder for folder in folders if number is None or int(folder.name) == number]
    if not chosen:
        there = ", ".join(str(int(folder.name)) for folder in folders)
        raise DatasetError(f"{root}: no scene {number} (there are {there})")
    return [_open_scene(folder) for folder in chosen]


def _scene_folders(root: Path, part: str) -> list[Path]:
    return [path.parent for path in sorted(root.glob(f"{part}*/*/{CAMERAS}")) if path.parent.name.isdecimal()]


def _open_scene(folder: Path) -> BopScene:
    cameras, poses = read_numbered(folder / CAMERAS), read_numbered(folder / POSES)
    infos = read_numbered(folder / INFOS) if (folder / INFOS).exists() else {}
    frames, without_depth = [], []
    for number in sorted(poses):
        if number not in cameras:
            raise DatasetError(f"{folder / CAMERAS}: no frame {number}, which {POSES} has")
        frame = _open_frame(folder, number, cameras[number], poses[number], infos.get(number))
        if frame.depth_path.is_file():
            frames.append(frame)
        else:
            without_depth.append(frame.name)
    return BopScene(int(folder.name), tuple(frames), tuple(without_depth))


def _open_frame(folder: Path, number: int, camera: Any, poses: Any, infos: Any) -> BopFrame:
    where = f"{folder / CAMERAS}: frame {number}"
    matrix = numbers(camera, "cam_K", 9, where).reshape(3, 3)
    if matrix[0, 0] <= 0.0 or matrix[1, 1] <= 0.0:
        raise DatasetError(f"{where}: cam_K has a focal length that is not above 0")
    unit = float(numbers(camera, "depth_scale", 1, where)[0]) if "depth_scale" in camera else 1.0
    if not isinstance(poses, list) or (infos is not None and len(infos) != len(poses)):
        raise DatasetError(f"{folder / INFOS}: frame {number}: not as many instances as {POSES} has")
    instances = [
        _instance(folder, number, k, pose, None if infos is None else infos[k]) for k, pose in enumerate(poses)
    ]
    images = (folder / "rgb" / f"{number:06d}{ending}" for ending in COLOUR_ENDINGS)
    colour_path = next((path for path in images if path.is_file()), folder / "rgb" / f"{number:06d}.png")
    depth_path = folder / "depth" / f"{number:06d}.png"
    return BopFrame(int(folder.name), number, matrix, unit * METRES, colour_path, depth_path, tuple(instances))


def _instance(folder: Path, frame: int, number: int, pose: Any, info: Any) -> BopInstance:
    where = f"{folder / POSES}: frame {frame}, instance {number}"
    rotation, millimetres = numbers(pose, "cam_R_m2c", 9, where), numbers(pose, "cam_t_m2c", 3, where)
    object_number = int(numbers(pose, "obj_id", 1, where)[0])
    told = isinstance(info, dict) and "visib_fract" in info
    visible = float(numbers(info, "visib_fract", 1, f"{folder / INFOS}: frame {frame}")[0]) if told else None
    mask_path = folder / "mask_visib" / f"{frame:06d}_{number:06d}.png"
    return BopInstance(number, object_number, transform(rotation, millimetres, where), visible, mask_path)
