"""Simulated table-top scenes in the layout of BOP, as the evaluation reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.bop.models import BopModels
from isometry.datasets.bop.scenes import open_scenes
from isometry.evaluation.object_pose.cases import BopCases
from isometry.object_pose.rendering import rays_through


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


def test_the_evaluation_takes_it(data_set: Path) -> None:
    cases = BopCases(data_set)
    case = next(iter(cases))
    assert case.visible >= 0.3
    assert case.prepared.model.mesh.colours is not None


def test_a_folder_that_exists_is_not_written_into(data_set: Path) -> None:
    result = CliRunner().invoke(app, ["object", "scenes", str(data_set)])
    assert result.exit_code == 1
    assert "exists" in result.output
