"""Simulated images of a table with objects."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.object_pose.mesh import prepare
from isometry.object_pose.rendering import Renderer, rays_through
from isometry.simulation.sensors.depth_camera import looking
from isometry.simulation.tabletop.household import household_object
from isometry.simulation.tabletop.scene import CAMERA, Picture, Tabletop


@pytest.fixture(scope="module")
def table() -> Tabletop:
    random = np.random.default_rng(5)
    return Tabletop([household_object(random) for _ in range(5)], random)


@pytest.fixture(scope="module")
def picture(table: Tabletop) -> Picture:
    return taken(table)


def taken(table: Tabletop) -> Picture:
    random = np.random.default_rng(6)
    return table.picture(table.viewpoint(random), random)


def test_what_is_seen_of_an_object_is_where_its_pose_says(table: Tabletop, picture: Picture) -> None:
    """Against the renderer of the estimator, which knows nothing of the table."""
    compared = 0
    for k, each in enumerate(table.objects):
        seen = picture.labels == k + 1
        assert (picture.masks[k] | ~seen).all()
        v, u = np.nonzero(seen & (picture.depth > 0.0))
        mesh = prepare(each.mesh.vertices, each.mesh.triangles, each.colours)
        rays = rays_through(CAMERA, np.column_stack([u, v]).astype(float))
        depth = Renderer(mesh).depth(picture.T_camera_object[k], rays)
        apart = np.abs(picture.depth[v, u] - depth)[depth > 0.0]
        assert np.median(apart) < 0.01
        assert (depth > 0.0).mean() > 0.98
        compared += len(apart)
    assert compared > 2000


def test_depth_has_holes_and_errors_as_of_a_camera(picture: Picture) -> None:
    holes = (picture.depth == 0.0).mean()
    assert 0.005 < holes < 0.5
    assert len(np.unique(picture.depth)) < 1500  # in steps


def test_shares_that_are_seen(picture: Picture) -> None:
    assert (picture.visible >= 0.0).all()
    assert (picture.visible <= 1.0).all()
    assert picture.visible.max() > 0.9
    assert picture.colour.std() > 10.0


def test_what_is_outside_of_the_image_is_not_seen(table: Tabletop) -> None:
    random, place = np.random.default_rng(1), np.array([0.0, -1.2, 0.8])
    ahead, cut, away = (
        table.picture(looking(place, np.array([x, 0.0, 0.05]), 0.0), random).visible for x in (0.0, 0.8, 2.5)
    )
    assert ahead.max() > 0.9
    assert ((cut > 0.05) & (cut < 0.8)).any()
    assert (cut <= 1.0).all()
    assert (away == 0.0).all()
