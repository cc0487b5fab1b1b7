"""Generated household objects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.object_pose.mesh import prepare
from isometry.object_pose.rendering import Renderer
from isometry.simulation.tabletop.household import FAMILIES, household_object
from isometry.simulation.worlds.shapes import Mesh


@pytest.mark.parametrize("family", FAMILIES)
def test_the_turns_that_are_told_leave_a_shape_as_it_is(family: str) -> None:
    for seed in range(3):
        mesh, half_turns, axis = FAMILIES[family](np.random.default_rng(seed))
        centred = Mesh(mesh.vertices - (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2.0, mesh.triangles)
        turns = [np.pi * each for each in half_turns]
        turns += [] if axis is None else [angle * axis for angle in 2.0 * np.pi * np.arange(1, 4) / 48.0]
        for turn in turns:
            assert off_surface(centred, Rotation.from_rotvec(turn).as_matrix()) < 1e-5
        quarter = Rotation.from_euler("y", 90.0, degrees=True).as_matrix()
        assert off_surface(centred, quarter) > 0.003


def off_surface(mesh: Mesh, rotation: Array) -> float:
    """Largest distance in metres of the turned vertices from the surface."""
    turned = mesh.vertices @ rotation.T
    nearest, _ = Renderer(prepare(mesh.vertices, mesh.triangles, None)).nearest(turned)
    return float(np.linalg.norm(nearest - turned, axis=1).max())


def test_objects_have_sizes_that_a_hand_holds_and_printed_ones_many_colours() -> None:
    random = np.random.default_rng(1)
    objects = [household_object(random) for _ in range(40)]
    assert {each.family for each in objects} == set(FAMILIES)
    for each in objects:
        extent = np.ptp(each.mesh.vertices, axis=0)
        assert extent.min() > 0.015
        assert extent.max() < 0.32
        assert each.colours.shape == each.mesh.vertices.shape
        assert each.colours.min() >= 0.0
        assert each.colours.max() <= 1.0
    colours = np.array([len(np.unique(each.colours, axis=0)) for each in objects])
    plain = colours == 1
    assert 0.1 < plain.mean() < 0.5
    assert colours[~plain].min() > 3
    assert all(each.axis is None and len(each.half_turns) == 0 for each in np.array(objects)[~plain])
