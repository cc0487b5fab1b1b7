"""A small data set in the layout of BOP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest

TETRAHEDRON = """ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 4
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
100 0 0 255 0 0
0 100 0 0 255 0
0 0 100 0 0 51
3 0 2 1
3 0 1 3
3 1 2 3
3 0 3 2
"""
POINTS = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"


def write_image(path: Path, image: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    open3d.io.write_image(path, open3d.geometry.Image(image))


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def bop(tmp_path: Path) -> Path:
    """Two scenes: 000002 with a frame of two instances and one without depth, 000007 with JPEG and without infos."""
    root = tmp_path / "bop"
    symmetries = {
        "symmetries_discrete": [[-1, 0, 0, 20, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
        "symmetries_continuous": [{"axis": [0, 0, 2], "offset": [10, 0, 0]}],
    }
    write_json(root / "models/models_info.json", {"1": {"diameter": 150.0}, "5": {"diameter": 100.0, **symmetries}})
    (root / "models/obj_000001.ply").write_text(TETRAHEDRON)
    (root / "models/obj_000005.ply").write_text(f"{POINTS}0 0 0\n0 0 100\n")
    camera = {"cam_K": [500, 0, 3, 0, 500, 2, 0, 0, 1], "depth_scale": 0.1}
    pose = {"obj_id": 1, "cam_R_m2c": [0, -1, 0, 1, 0, 0, 0, 0, 1], "cam_t_m2c": [10, 0, 500]}
    scene = root / "test/000002"
    write_json(scene / "scene_camera.json", {"0": camera, "3": camera})
    write_json(scene / "scene_gt.json", {"3": [pose], "0": [pose, {**pose, "obj_id": 5}]})
    write_json(scene / "scene_gt_info.json", {"0": [{"visib_fract": 0.25}, {"visib_fract": 1.0}], "3": [{}]})
    write_image(scene / "rgb/000000.png", np.full((4, 6, 3), (10, 20, 30), np.uint8))
    write_image(scene / "depth/000000.png", np.full((4, 6), 5000, np.uint16))
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 2] = 255
    write_image(scene / "mask_visib/000000_000001.png", mask)
    scene = root / "test/000007"
    write_json(scene / "scene_camera.json", {"1": camera})
    write_json(scene / "scene_gt.json", {"1": [pose]})
    write_image(scene / "rgb/000001.jpg", np.full((4, 6, 3), 128, np.uint8))
    write_image(scene / "depth/000001.png", np.full((4, 6), 4000, np.uint16))
    return root
