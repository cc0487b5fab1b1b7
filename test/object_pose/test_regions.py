"""The pixels of an object in a box or in a label image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.regions import Box, object_in_region, objects_of_labels, region_of_box
from isometry.object_pose.rendering import Renderer, Window, rays_through

CAMERA = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
SHAPE = (480, 640)


def standing(model: ObjectModel, floor: bool = True, wall_m: float = 1.6) -> tuple[Array, Flags]:
    """Depth (H,W) and silhouette of an object that stands on a floor before a wall, seen from above."""
    tilt = Rotation.from_euler("x", 120.0, degrees=True).as_matrix()
    T_camera_object = se3.from_rotation_translation(tilt, np.array([0.02, 0.05, 0.7]))
    rays = rays_through(CAMERA, Window(0.0, 0.0, SHAPE[1], SHAPE[0], 1.0).pixels())
    met = Renderer(model.mesh).depth(T_camera_object, rays)
    depth = np.full(len(rays), wall_m)
    if floor:
        up = T_camera_object[:3, 2]
        bottom = (T_camera_object[:3, 3] + model.mesh.vertices[:, 2].min() * up) @ up
        along = rays @ up
        on_floor = np.where(along < -1e-6, bottom / np.minimum(along, -1e-6), np.inf)
        depth = np.minimum(depth, np.where(on_floor > 0.0, on_floor, np.inf))
    depth = np.where(met > 0.0, met, depth)
    noise = np.random.default_rng(0).normal(0.0, 0.001, len(depth))
    return (depth + noise).reshape(SHAPE), (met > 0.0).reshape(SHAPE)


def box_around(mask: Flags, margin: float = 4.0) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = 0.5 * (columns[0] + columns[-1]), 0.5 * (rows[0] + rows[-1])
    return Box(x, y, np.ptp(columns) + 1 + 2.0 * margin, np.ptp(rows) + 1 + 2.0 * margin)


def overlap(first: Flags, second: Flags) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("floor", [True, False])
def test_the_object_in_a_box_is_told_from_what_it_stands_on(printed_box: ObjectModel, floor: bool) -> None:
    depth, true = standing(printed_box, floor)
    found = object_in_region(region_of_box(box_around(true), SHAPE), depth, CAMERA, printed_box.mesh.diameter)
    assert overlap(found, true) > 0.85
    assert (found & ~true).sum() < 0.05 * true.sum()


def test_holes_in_the_depth_are_of_the_object(printed_box: ObjectModel) -> None:
    depth, true = standing(printed_box)
    lost = depth.copy()
    rows, columns = np.nonzero(true)
    v, u = int(np.median(rows)), int(np.median(columns))
    lost[v - 4 : v + 4, u - 4 : u + 4] = 0.0
    found = object_in_region(region_of_box(box_around(true), SHAPE), lost, CAMERA, printed_box.mesh.diameter)
    assert found[v, u]


def test_where_nothing_was_measured_nothing_is_found(printed_box: ObjectModel) -> None:
    depth, true = standing(printed_box)
    region = region_of_box(box_around(true), SHAPE)
    assert not object_in_region(region, np.zeros_like(depth), CAMERA, 0.2).any()
    assert not object_in_region(np.zeros_like(region), depth, CAMERA, 0.2).any()


def test_boxes_may_be_turned_and_reach_out_of_the_image() -> None:
    upright = region_of_box(Box(10.0, 5.0, 8.0, 4.0), (20, 30))
    assert upright.sum() == 9 * 5
    turned = region_of_box(Box(10.0, 5.0, 8.0, 4.0, np.pi / 2.0), (20, 30))
    np.testing.assert_array_equal(turned[1:10, 8:13], np.ones((9, 5), bool))
    assert region_of_box(Box(0.0, 0.0, 10.0, 10.0), (20, 30)).sum() == 36
    assert not region_of_box(Box(-50.0, 0.0, 10.0, 10.0), (20, 30)).any()
    for box in (Box(np.nan, 0.0, 1.0, 1.0), Box(0.0, 0.0, 0.0, 5.0)):
        with pytest.raises(ValueError, match="a box of"):
            region_of_box(box, (20, 30))


def test_labels_are_objects_or_classes() -> None:
    labels = np.zeros((20, 30), np.int64)
    labels[2:8, 2:8], labels[2:8, 20:28], labels[12:14, 3:5], labels[15:19, 10:20] = 1, 1, 1, 7
    found = objects_of_labels(labels, {1: "mug"}, apart=False, fewest=10, most=9)
    assert [(each.label, each.name, int(each.mask.sum())) for each in found] == [(1, "mug", 88), (7, "7", 40)]
    apart = objects_of_labels(labels, {1: "mug"}, apart=True, fewest=10, most=9)
    assert [(each.name, int(each.mask.sum())) for each in apart] == [("mug", 36), ("mug", 48), ("7", 40)]
    assert objects_of_labels(labels * 0, {}, True, 10, 9) == []
    assert [each.name for each in objects_of_labels(labels, {1: "mug"}, False, 10, most=1)] == ["mug"]
    assert [int(each.mask.sum()) for each in objects_of_labels(labels, {}, True, 10, most=1)] == [48]
