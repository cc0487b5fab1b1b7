"""Frames of glassware, written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isometry.datasets.errors import DatasetError
from isometry.datasets.glassware import open_glassware

CONTENT: dict[str, Any] = {
    "K": [[500, 0, 80], [0, 500, 60], [0, 0, 1]],
    "T_world_cam": np.eye(4).tolist(),
    "bboxes": [{"label": "glass", "xyxy": [1, 2, 30, 40]}, {"label": "plate", "xyxy": [5, 5, 9, 9]}],
    "objects": [{"name": "beaker", "mesh": "../meshes/beaker.obj", "T_world_tag": np.eye(4).tolist()}],
}


def write(root: Path, content: dict[str, Any]) -> None:
    scene = root / "table"
    scene.mkdir(parents=True, exist_ok=True)
    (scene / "17_gt.json").write_text(json.dumps(content))
    Image.fromarray(np.full((120, 160), 750, np.uint16)).save(scene / "17_depth_mm.png")
    Image.fromarray(np.zeros((120, 160, 3), np.uint8)).save(scene / "17.jpg")


def test_frames_are_read(tmp_path: Path) -> None:
    write(tmp_path, CONTENT)
    (frame,) = open_glassware(tmp_path)
    assert frame.name == "table/17"
    np.testing.assert_array_equal(frame.boxes, [[1, 2, 30, 40]])
    np.testing.assert_allclose(frame.depth(), 0.75)
    assert frame.colour().shape == (120, 160, 3)
    (each,) = frame.objects
    assert each.mesh_path == (tmp_path / "../meshes/beaker.obj").resolve()
    assert each.other_T_world_object is None


@pytest.mark.parametrize("broken", ["K", "T_world_cam", "bboxes", "objects"])
def test_what_is_missing_is_named(tmp_path: Path, broken: str) -> None:
    write(tmp_path, {name: value for name, value in CONTENT.items() if name != broken})
    with pytest.raises(DatasetError, match=rf"17_gt.json: .*{broken}"):
        open_glassware(tmp_path)


def test_a_folder_without_frames_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no SCENE/STAMP_gt.json in it"):
        open_glassware(tmp_path)
    with pytest.raises(DatasetError, match=r"absent: no such directory"):
        open_glassware(tmp_path / "absent")
