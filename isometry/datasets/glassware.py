"""Reader of frames of glassware on a table: RGB-D images, boxes of a detector, and where each object stands.

The layout of ORGANA's recordings: DIR/SCENE/STAMP.jpg, STAMP_depth_mm.png and STAMP_gt.json with `K`, `T_world_cam`,
`bboxes` (label, xyxy) and `objects` (name, mesh, T_world_tag, and where it is there another method's answer).
Darvish et al., "ORGANA: a robotic assistant for automated chemistry experimentation" (2024).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_text
from isometry.datasets.image_file import read_colour, read_image

TRUTH, DEPTH, COLOUR = "_gt.json", "_depth_mm.png", ".jpg"
MILLIMETRES = 1000.0


@dataclass(frozen=True, eq=False)
class StandingObject:
    """An object that stands on the table, and where its base truly is."""

    name: str
    mesh_path: Path
    base_world: Array  # (3,) metres
    other_T_world_object: Array | None  # (4,4) another method's answer, where the recording has one


@dataclass(frozen=True, eq=False)
class GlasswareFrame:
    """One frame. Images are read when they are asked for."""

    name: str
    camera: Array  # (3,3) intrinsic matrix, pixels
    T_world_camera: Array  # (4,4)
    boxes: Array  # (B,4) left, top, right, bottom of what a detector takes for glass, pixels
    objects: tuple[StandingObject, ...]
    colour_path: Path
    depth_path: Path

    def colour(self) -> NDArray[np.uint8]:
        """Colour image (H,W,3). Raises DatasetError naming the file."""
        return read_colour(self.colour_path)

    def depth(self) -> Array:
        """Depth image (H,W) in metres, 0 where nothing was measured. Raises DatasetError naming the file."""
        return np.asarray(read_image(self.depth_path) / MILLIMETRES)


def open_glassware(root: Path) -> list[GlasswareFrame]:
    """All frames of all scenes, in order. Raises DatasetError naming what is missing or cannot be used."""
    paths = sorted(root.glob(f"*/*{TRUTH}"))
    if not paths:
        raise DatasetError(f"{root}: {f'no SCENE/STAMP{TRUTH} in it' if root.is_dir() else 'no such directory'}")
    return [_frame(path, root) for path in paths]


def _frame(path: Path, root: Path) -> GlasswareFrame:
    try:
        content = json.loads(read_text(path))
        boxes = [box["xyxy"] for box in content["bboxes"] if box["label"] == "glass"]
        objects = tuple(_object(each, root) for each in content["objects"])
        stamp = path.name.removesuffix(TRUTH)
        return GlasswareFrame(
            f"{path.parent.name}/{stamp}",
            _numbers(content["K"], (3, 3)),
            _numbers(content["T_world_cam"], (4, 4)),
            _numbers(boxes, (len(boxes), 4)),
            objects,
            path.with_name(stamp + COLOUR),
            path.with_name(stamp + DEPTH),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: {error!r}") from error


def _object(entry: dict[str, Any], root: Path) -> StandingObject:
    other = entry.get("foundationpose_T_world_obj")
    base = _numbers(entry["T_world_tag"], (4, 4))[:3, 3]
    path = (root / entry["mesh"]).resolve()
    return StandingObject(entry["name"], path, base, None if other is None else _numbers(other, (4, 4)))


def _numbers(values: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(values, np.float64).reshape(-1, shape[1]) if values else np.zeros((0, shape[1]))
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"numbers of shape {np.shape(values)}, not {shape}")
    return array
