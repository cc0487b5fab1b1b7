from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.datasets.bop.models import BopModels
from isometry.datasets.bop.scenes import open_scenes
from isometry.datasets.errors import DatasetError


def test_frames_come_with_images_and_poses_in_metres(bop: Path) -> None:
    first, second = open_scenes(bop)
    assert (first.number, second.number) == (2, 7)
    (frame,) = first.frames
    assert frame.name == "000002/000000"
    np.testing.assert_array_equal(frame.camera, [[500, 0, 3], [0, 500, 2], [0, 0, 1]])
    np.testing.assert_array_equal(frame.colour(), np.full((4, 6, 3), (10, 20, 30)))
    np.testing.assert_allclose(frame.depth(), 0.5)
    one, other = frame.instances
    assert (one.object_number, other.object_number, other.number) == (1, 5, 1)
    assert (one.visible, other.visible) == (0.25, 1.0)
    expected = np.array([[0, -1, 0, 0.01], [1, 0, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    np.testing.assert_allclose(one.T_camera_object, expected)
    assert np.argwhere(other.mask()).tolist() == [[1, 2]]


def test_a_frame_without_depth_is_left_out_by_name(bop: Path) -> None:
    first, second = open_scenes(bop)
    assert first.without_depth == ("000002/000003",)
    assert second.without_depth == ()


def test_jpeg_images_and_scenes_without_infos_are_read(bop: Path) -> None:
    (scene,) = open_scenes(bop, 7)
    (frame,) = scene.frames
    assert abs(frame.colour().astype(int) - 128).max() <= 2
    assert frame.instances[0].visible is None


def edited(path: Path, frame: str, value: Any) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, frame: value}))


def test_what_is_wrong_is_named(bop: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"absent: no such directory"):
        open_scenes(tmp_path / "absent")
    with pytest.raises(DatasetError, match=r"no test/NNNNNN/scene_camera.json in it"):
        open_scenes(tmp_path)
    with pytest.raises(DatasetError, match=r"no scene 3 \(there are 2, 7\)"):
        open_scenes(bop, 3)
    with pytest.raises(DatasetError, match=r"000000_000000.png: no such file"):
        open_scenes(bop)[0].frames[0].instances[0].mask()
    scene = bop / "test/000007"
    (scene / "depth/000001.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"depth/000001.png: not an image that can be read"):
        open_scenes(bop, 7)[0].frames[0].depth()
    edited(scene / "scene_gt.json", "1", [{"obj_id": 1, "cam_R_m2c": [2] * 9, "cam_t_m2c": [0, 0, 1]}])
    with pytest.raises(DatasetError, match=r"scene_gt.json: frame 1, instance 0: not a rotation"):
        open_scenes(bop)
    edited(scene / "scene_gt.json", "1", [{"obj_id": 1, "cam_R_m2c": [1, 0, 0], "cam_t_m2c": [0, 0, 1]}])
    with pytest.raises(DatasetError, match=r"instance 0: cam_R_m2c must be 9 finite numbers"):
        open_scenes(bop)
    edited(scene / "scene_camera.json", "1", {"cam_K": [0] * 9})
    with pytest.raises(DatasetError, match=r"scene_camera.json: frame 1: cam_K has a focal length"):
        open_scenes(bop)
    (scene / "scene_camera.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"scene_camera.json: not a JSON object whose keys are numbers"):
        open_scenes(bop)


def test_models_come_with_symmetries_in_metres(bop: Path) -> None:
    models = BopModels(bop)
    assert sorted(models.infos) == [1, 5]
    mesh = models.mesh(1)
    np.testing.assert_allclose(mesh.vertices[1], [0.1, 0, 0])
    assert mesh.triangles.shape == (4, 3)
    assert mesh.colours is not None
    np.testing.assert_allclose(mesh.colours[3], [0, 0, 0.2])
    assert models.info(1).diameter == pytest.approx(0.15)
    info = models.info(5)
    half_turn = np.array([[-1, 0, 0, 0.02], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(info.discrete[0], half_turn)
    np.testing.assert_allclose(info.continuous[0].axis, [0, 0, 1])
    np.testing.assert_allclose(info.continuous[0].offset, [0.01, 0, 0])


def test_a_set_of_points_has_no_triangles(bop: Path) -> None:
    mesh = BopModels(bop).mesh(5)
    assert (mesh.vertices.shape, mesh.triangles.shape, mesh.colours) == ((2, 3), (0, 3), None)


def test_what_is_wrong_with_models_is_named(bop: Path) -> None:
    with pytest.raises(DatasetError, match=r"models_info.json: no object 9"):
        BopModels(bop).info(9)
    (bop / "models/obj_000001.ply").unlink()
    with pytest.raises(DatasetError, match=r"obj_000001.ply: no such file"):
        BopModels(bop).mesh(1)
    edited(bop / "models/models_info.json", "5", {"diameter": "wide"})
    with pytest.raises(DatasetError, match=r"models_info.json: object 5: no numbers diameter"):
        BopModels(bop)
    (bop / "models/models_info.json").unlink()
    with pytest.raises(DatasetError, match=r"models_info.json: No such file"):
        BopModels(bop)
