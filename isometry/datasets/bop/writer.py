"""Writer of data sets in the layout of BOP: models, and scenes of frames with the true poses of what is in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import open3d
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags, Integers
from isometry.datasets.bop.models import FOLDERS, INFO
from isometry.datasets.bop.scenes import CAMERAS, INFOS, POSES
from isometry.datasets.bop.values import METRES
from isometry.datasets.mesh_file import MeshFile, write_ply

DEPTH_UNIT = 0.1  # millimetres of one unit of a depth image


class ModelToWrite(NamedTuple):
    """A model and the rotations about the origin of its frame that leave it as it is."""

    vertices: Array  # (V,3) metres
    triangles: Integers  # (T,3)
    colours: Array  # (V,3) 0 to 1
    diameter: float  # metres
    half_turns: Array  # (S,3) unit, axes
    axis: Array | None  # (3,) unit, of any turn


class InstanceToWrite(NamedTuple):
    """An object in a frame."""

    object_number: int
    T_camera_object: Array  # (4,4) metres
    silhouette: Flags  # (H,W) also where it is hidden
    seen: Flags  # (H,W)
    visible: float  # share of its silhouette, of which some may be outside of the image


class FrameToWrite(NamedTuple):
    """Images and what is in them."""

    colour: NDArray[np.uint8]  # (H,W,3)
    depth: Array  # (H,W) metres
    camera: Array  # (3,3)
    instances: Sequence[InstanceToWrite]


def write_models(root: Path, models: Sequence[ModelToWrite]) -> None:
    """Write models, numbered from 1."""
    folder = root / FOLDERS[0]
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for number, model in enumerate(models, start=1):
        written = MeshFile(model.vertices / METRES, model.triangles, model.colours)
        write_ply(folder / f"obj_{number:06d}.ply", written)
        entries[number] = _info(model)
    _write_json(folder / INFO, entries)


def write_scene(root: Path, number: int, frames: Sequence[FrameToWrite]) -> None:
    """Write a scene, its frames numbered from 0. Raises ValueError for depth that 16 bits do not hold."""
    folder = root / "test" / f"{number:06d}"
    for name in ("rgb", "depth", "mask", "mask_visib"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cameras, poses, infos = {}, {}, {}
    for k, frame in enumerate(frames):
        name = f"{k:06d}"
        _write_image(folder / "rgb" / f"{name}.png", frame.colour)
        depth = np.round(frame.depth / METRES / DEPTH_UNIT)
        if depth.max(initial=0.0) > np.iinfo(np.uint16).max:
            raise ValueError(
                f"scene {number}, frame {k}: a depth of {frame.depth.max():.3g} m, and 6.55 m can be written"
            )
        _write_image(folder / "depth" / f"{name}.png", depth.astype(np.uint16))
        for j, each in enumerate(frame.instances):
            for kind, mask in (("mask", each.silhouette), ("mask_visib", each.seen)):
                _write_image(folder / kind / f"{name}_{j:06d}.png", np.where(mask, 255, 0).astype(np.uint8))
        cameras[k] = {"cam_K": frame.camera.ravel().tolist(), "depth_scale": DEPTH_UNIT}
        poses[k] = [
            {
                "obj_id": each.object_number,
                "cam_R_m2c": each.T_camera_object[:3, :3].ravel().tolist(),
                "cam_t_m2c": (each.T_camera_object[:3, 3] / METRES).tolist(),
            }
            for each in frame.instances
        ]
        infos[k] = [{"visib_fract": each.visible} for each in frame.instances]
    for path, content in ((CAMERAS, cameras), (POSES, poses), (INFOS, infos)):
        _write_json(folder / path, content)


def _info(model: ModelToWrite) -> dict[str, Any]:
    entry: dict[str, Any] = {"diameter": model.diameter / METRES}
    if len(model.half_turns):
        turns = np.tile(np.eye(4), (len(model.half_turns), 1, 1))
        turns[:, :3, :3] = Rotation.from_rotvec(np.pi * model.half_turns).as_matrix()
        entry["symmetries_discrete"] = turns.reshape(-1, 16).tolist()
    if model.axis is not None:
        entry["symmetries_continuous"] = [{"axis": model.axis.tolist(), "offset": [0.0, 0.0, 0.0]}]
    return entry


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def _write_image(path: Path, image: NDArray[Any]) -> None:
    tensor = open3d.core.Tensor.from_numpy(np.ascontiguousarray(image))
    if not open3d.t.io.write_image(path, open3d.t.geometry.Image(tensor)):
        raise OSError(f"{path}: cannot be written")
