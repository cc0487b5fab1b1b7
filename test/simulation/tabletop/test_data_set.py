"""Simulated table-top scenes in the layout of BOP, as the evaluation reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.bop.models import BopModels
from isometry.datasets.bop.scenes import open_scenes
from isometry.datasets.bop.writer import FrameToWrite, write_scene
from isometry.evaluation.object_pose.cases import BopCases
from isometry.object_pose.rendering import rays_through
from isometry.simulation.tabletop.data_set import write_tabletop_scenes


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tabletop") / "set"
    result = CliRunner().invoke(app, ["object", "scenes", str(root), "--count", "1", "--seed", "2"])
    assert result.exit_code == 0, result.output
    return root


def test_what_was_written_is_read(data_set: Path) -> None:
    (scene,) = open_scenes(data_set)
    assert len(scene.frames) == 2
    models = BopModels(data_set)
    for frame in scene.frames:
        colour, depth = frame.colour(), frame.depth()
        assert colour.shape == (480, 640, 3)
        assert 0.3 < np.median(depth[depth > 0.0]) < 2.0
        assert len(frame.instances) >= 5
        for instance in frame.instances:
            diameter = models.info(instance.object_number).diameter
            points = models.mesh(instance.object_number).vertices
            extent = np.ptp(points, axis=0)
            assert extent.max() - 1e-6 <= diameter <= np.linalg.norm(extent) + 1e-6
            assert instance.visible is not None
            if instance.visible > 0.5:
                v, u = np.nonzero(instance.mask() & (depth > 0.0))
                seen = rays_through(frame.camera, np.column_stack([u, v]).astype(float)) * depth[v, u, None]
                middle = np.median(seen, axis=0)
                assert np.linalg.norm(middle - instance.T_camera_object[:3, 3]) < 0.6 * diameter


def test_the_same_seed_gives_the_same_data_set(data_set: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_tabletop_scenes(again, 1, 2)
    files = sorted(path.relative_to(data_set) for path in data_set.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((data_set / name).read_bytes() == (again / name).read_bytes() for name in files)


def test_depth_that_sixteen_bits_do_not_hold_is_refused(tmp_path: Path) -> None:
    frame = FrameToWrite(np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 7.0), np.eye(3), [])
    with pytest.raises(ValueError, match="a depth of 7 m"):
        write_scene(tmp_path, 0, [frame])


def test_the_evaluation_takes_it(data_set: Path) -> None:
    cases = BopCases(data_set)
    case = next(iter(cases))
    assert case.visible >= 0.3
    assert case.prepared.model.mesh.colours is not None


def test_a_folder_that_exists_is_not_written_into(data_set: Path) -> None:
    result = CliRunner().invoke(app, ["object", "scenes", str(data_set)])
    assert result.exit_code == 1
    assert "exists" in result.output
