"""Regions of a depth image that may show one object, against scenes whose parts are known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array, Flags
from isometry.object_pose.rendering import rays_through
from isometry.object_pose.segmentation import joined_regions, left_over, segmented, single_regions
from isometry.simulation.sensors.depth_camera import looking
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.shapes import Mesh, box, joined

CAMERA = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
HEIGHT, WIDTH = 240, 320
LARGEST_M = 0.25
TABLE = box((3.0, 3.0, 0.1), (0.0, 0.0, -0.1))
RIGHT, LEFT = box((0.1, 0.12, 0.15), (0.15, 0.0, 0.0)), box((0.1, 0.12, 0.15), (-0.15, 0.0, 0.0))


def depth_of(parts: list[Mesh]) -> Array:
    """Depth (H,W) with some noise, from 0.8 m off at 45 degrees."""
    v, u = np.indices((HEIGHT, WIDTH)).reshape(2, -1)
    rays = rays_through(CAMERA, np.column_stack([u, v]).astype(float))
    T_table_camera = looking(np.array([0.0, -0.57, 0.6]), np.array([0.0, 0.0, 0.05]), 0.0)
    hit = RayCaster(joined(parts)).meet(T_table_camera, rays).distance.reshape(HEIGHT, WIDTH)
    noise = np.random.default_rng(0).normal(0.0, 0.001, hit.shape)
    return np.asarray(np.where(np.isfinite(hit), hit + noise, 0.0))


def share_of(region: Flags, depth: Array, parts: list[Mesh]) -> float:
    """Intersection over union of a region and of where a part makes the depth nearer than without it."""
    part = np.abs(depth - depth_of(parts)) > 0.01
    return float((region & part).sum() / (region | part).sum())


def test_an_empty_table_has_no_regions() -> None:
    scene = segmented(depth_of([TABLE]), CAMERA, LARGEST_M)
    assert scene.planes == 1
    assert scene.segments.max() == 0
    assert single_regions(scene) == []
    assert joined_regions(scene, np.zeros((HEIGHT, WIDTH), bool), LARGEST_M) == []


def test_an_image_without_depth_has_no_regions() -> None:
    scene = segmented(np.zeros((HEIGHT, WIDTH)), CAMERA, LARGEST_M)
    assert single_regions(scene) == []


def test_each_of_two_boxes_is_a_region() -> None:
    depth = depth_of([TABLE, RIGHT, LEFT])
    first, second = single_regions(segmented(depth, CAMERA, LARGEST_M))
    shares = [[share_of(each, depth, [TABLE, other]) for other in (LEFT, RIGHT)] for each in (first, second)]
    assert sorted(np.argmax(shares, axis=1)) == [0, 1]
    assert np.min(np.max(shares, axis=1)) > 0.8


def test_a_box_that_leans_into_another_one_is_a_region_of_its_own_and_both_are_one_together() -> None:
    low = box((0.1, 0.12, 0.05), (0.05, -0.06, 0.0))
    depth = depth_of([TABLE, box((0.1, 0.06, 0.15), (0.05, 0.03, 0.0)), low])
    scene = segmented(depth, CAMERA, LARGEST_M)
    assert len(single_regions(scene)) == 2
    (together,) = joined_regions(scene, np.zeros((HEIGHT, WIDTH), bool), LARGEST_M)
    assert (together == (scene.segments > 0)).all()
    assert joined_regions(scene, scene.segments == 1, LARGEST_M) == []  # one of them is explained


def test_what_an_object_leaves_of_a_region_is_one() -> None:
    scene = segmented(depth_of([TABLE, RIGHT]), CAMERA, LARGEST_M)
    (region,) = single_regions(scene)
    half = region & (np.indices(region.shape)[0] < np.median(np.nonzero(region)[0]))
    (left,) = left_over(scene, half)
    assert (left & ~half).sum() == left.sum()
    assert left.sum() > 0.3 * region.sum()
    assert left_over(scene, np.zeros_like(region)) == []
    assert left_over(scene, region) == []


def test_a_side_of_an_object_is_not_a_plane_of_the_room() -> None:
    near = box((0.5, 0.4, 0.2), (0.0, 0.0, 0.0))
    scene = segmented(depth_of([TABLE, near]), CAMERA, 0.7)
    assert scene.planes == 1
    assert (scene.segments > 0).sum() > 8000


def test_a_foreign_carton_does_not_hide_what_is_behind_it() -> None:
    """Also where all known objects are smaller than it."""
    carton = box((0.2, 0.02, 0.2), (-0.05, -0.15, 0.0))
    depth = depth_of([TABLE, carton, RIGHT])
    shares = [share_of(region, depth, [TABLE, carton]) for region in single_regions(segmented(depth, CAMERA, 0.12))]
    assert max(shares) > 0.7


def sparse(kind: str, depth: Array) -> Array:
    kept = np.zeros(depth.shape, bool)
    if kind == "a row":
        kept[120] = True
    elif kind == "three pixels":
        kept[100, [50, 100, 200]] = True
    elif kind == "every eighth row":
        kept[::8] = True
    elif kind == "every second pixel":
        kept[::2, ::2] = True
    else:
        kept = np.random.default_rng(0).random(depth.shape) < 0.02
    return np.where(kept, depth, 0.0)


@pytest.mark.parametrize("kind", ["a row", "three pixels", "every eighth row", "every second pixel", "a few"])
def test_depth_that_is_sparse_is_no_error(kind: str) -> None:
    scene = segmented(sparse(kind, depth_of([TABLE, RIGHT, LEFT])), CAMERA, LARGEST_M)
    assert sum(region.sum() for region in single_regions(scene)) < 0.1 * HEIGHT * WIDTH
