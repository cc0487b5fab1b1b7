"""Objects that a depth camera does not see, found by the table they stand on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.estimators import EstimatorOfEach
from isometry.object_pose.foot import middle_of_foot, standing_direction
from isometry.object_pose.library import KnownObject
from isometry.object_pose.mesh import ObjectMesh, UnusableMeshError, prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.pipeline import ObjectPosePipeline
from isometry.object_pose.rendering import Renderer, Window, rays_through
from isometry.object_pose.standing import LowestPixelEstimator, StandingEstimator
from isometry.object_pose.types import Observation
from isometry.object_pose.view import Found, View
from isometry.sensing.cameras import Camera
from isometry.simulation.objects import can
from isometry.simulation.worlds.shapes import lathed

CAMERA = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
SHAPE = (480, 640)
UP = np.array([0.0, 0.0, 1.0])
TILT = Rotation.from_euler("x", 130.0, degrees=True).as_matrix()  # the camera looks down at 40 degrees
TABLE_M = 0.5  # below the camera


def standing(x: float, y: float) -> Array:
    """An object upright on the table, its middle at x and y, metres."""
    return se3.from_rotation_translation(TILT, TILT @ np.array([x, y, -TABLE_M]))


def seen_as_glass(mesh: ObjectMesh, T: Array) -> Observation:
    """The table alone in the depth, and the box around the object."""
    rays = rays_through(CAMERA, Window(0.0, 0.0, SHAPE[1], SHAPE[0], 1.0).pixels())
    normal = TILT @ UP
    depth = np.maximum(-TABLE_M / np.minimum(rays @ normal, -1e-3), 0.0)
    depth = np.where(depth < 3.0, depth, 0.0) + np.random.default_rng(0).normal(0.0, 0.001, len(rays))
    outline = (Renderer(mesh).depth(T, rays) > 0.0).reshape(SHAPE)
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    mask = np.zeros(SHAPE, bool)
    mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    colour: NDArray[np.uint8] = np.zeros((*SHAPE, 3), np.uint8)
    return Observation(colour, depth.reshape(SHAPE), mask, CAMERA)


@pytest.fixture(scope="module")
def glass() -> ObjectModel:
    shape = can(0.035, 0.12)
    mesh = prepare(shape.vertices - [0.0, 0.0, shape.vertices[:, 2].min()], shape.triangles)
    return prepare_model(mesh, upright=UP)


def base_error(T: Array | None, T_true: Array) -> float:
    assert T is not None
    return float(np.linalg.norm((T - T_true)[:3, 3]))


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.6), (0.15, 0.5), (-0.2, 0.8)])
def test_the_outline_on_the_table_tells_where_it_stands(glass: ObjectModel, x: float, y: float) -> None:
    T_true = standing(x, y)
    seen = seen_as_glass(glass.mesh, T_true)
    answer = StandingEstimator().estimate(seen, glass)
    assert base_error(answer.T_camera_object, T_true) < 0.006
    trivial = LowestPixelEstimator().estimate(seen, glass)
    assert 0.02 < base_error(trivial.T_camera_object, T_true) < 0.05  # its front edge
    mode = answer.modes[0]
    np.testing.assert_array_equal(mode.axis, UP)
    assert answer.reason == "ambiguous"
    assert answer.confidence < 0.1
    np.testing.assert_allclose(mode.T_camera_object[:3, :3] @ UP, TILT @ UP, atol=0.02)
    sigma = np.sqrt(np.diagonal(answer.covariance)[:3])
    assert np.all(np.abs((mode.T_camera_object - T_true)[:3, 3]) < 2.0 * sigma)


def test_the_table_is_told_from_a_wall_of_which_more_is_seen(glass: ObjectModel) -> None:
    T_true = standing(0.0, 0.6)
    seen = seen_as_glass(glass.mesh, T_true)
    depth = seen.depth.copy()
    depth[: np.flatnonzero(seen.mask.any(axis=1))[-1] - 20] = 0.8
    answer = StandingEstimator().estimate(replace(seen, depth=depth), glass)
    assert base_error(answer.T_camera_object, T_true) < 0.01


def test_each_object_has_its_estimator(glass: ObjectModel) -> None:
    seen = seen_as_glass(glass.mesh, standing(0.0, 0.6))
    both = EstimatorOfEach()
    assert both.estimate(seen, glass).modes[0].axis is not None
    assert "stand" in both.estimate(seen, glass).seconds
    assert "stand" not in both.estimate(seen, replace(glass, upright=None)).seconds


def test_a_box_that_the_border_of_the_image_cuts_on_two_sides_is_refused(glass: ObjectModel) -> None:
    seen = seen_as_glass(glass.mesh, standing(0.0, 0.6))
    corner = np.zeros(SHAPE, bool)
    corner[380:, 560:] = True
    assert StandingEstimator().estimate(replace(seen, mask=corner), glass).reason == "too_much_cut"


def test_a_box_that_is_cut_on_one_side_still_tells_where_it_stands(glass: ObjectModel) -> None:
    T_true = standing(0.0, 0.6)
    seen = seen_as_glass(glass.mesh, T_true)
    top = np.flatnonzero(seen.mask.any(axis=1))[0] + 40
    camera = CAMERA.copy()
    camera[1, 2] -= top
    cut = Observation(seen.colour[top:], seen.depth[top:], seen.mask[top:], camera)
    assert base_error(StandingEstimator().estimate(cut, glass).T_camera_object, T_true) < 0.015


def test_what_stands_is_placed_by_a_box_or_a_label_and_not_followed(glass: ObjectModel) -> None:
    T_true = standing(0.0, 0.6)
    seen = seen_as_glass(glass.mesh, T_true)
    known = {"glass": KnownObject("glass", Path("glass.ply"), glass, (), True)}
    view = View(seen.colour, seen.depth, Camera(CAMERA, SHAPE[1], SHAPE[0]))
    pipeline = ObjectPosePipeline(known, EstimatorOfEach(), ObjectPoseParameters())
    for stamp, exact in enumerate((False, True)):
        (located,) = pipeline.process(view, [Found("glass", seen.mask, exact)], stamp, np.eye(4)).objects
        assert located.name == "glass_1"
        assert base_error(located.T_frame_object, T_true) < 0.006
    assert pipeline.process(view, [], 2, np.eye(4)).objects == ()
    without_detector = ObjectPosePipeline(known, EstimatorOfEach(), ObjectPoseParameters())
    assert without_detector.process(view, None, 0, np.eye(4)).objects == ()


def test_without_a_table_or_with_another_outline_there_is_a_reason(glass: ObjectModel) -> None:
    seen = seen_as_glass(glass.mesh, standing(0.0, 0.6))
    estimator = StandingEstimator()
    assert estimator.estimate(replace(seen, depth=np.zeros(SHAPE)), glass).reason == "no_depth"
    assert estimator.estimate(replace(seen, mask=np.zeros(SHAPE, bool)), glass).reason == "no_depth"
    flat = np.zeros(SHAPE, bool)
    flat[300:310, 100:500] = True
    assert estimator.estimate(replace(seen, mask=flat), glass).reason == "no_hypothesis"
    with pytest.raises(ValueError, match="no direction in which it stands"):
        estimator.estimate(seen, replace(glass, upright=None))


@pytest.mark.parametrize("seed", range(3))
def test_an_open_vessel_stands_on_its_foot_whichever_way_its_mesh_is_turned(seed: int) -> None:
    rotation = Rotation.random(random_state=seed).as_matrix()
    profile = np.array([(0.0, 0.0), (0.03, 0.0), (0.045, 0.1), (0.043, 0.1), (0.028, 0.003), (0.0, 0.003)])
    cup = lathed(profile[:, 0], profile[:, 1], (0.0, 0.0, 0.0), sides=32)
    mesh = prepare(cup.vertices @ rotation.T + [0.1, -0.2, 0.3], cup.triangles)
    np.testing.assert_allclose(standing_direction(mesh), rotation @ UP, atol=0.01)
    np.testing.assert_allclose(middle_of_foot(mesh, rotation @ UP), [0.1, -0.2, 0.3], atol=0.002)


def test_a_mesh_without_a_flat_side_outside_has_no_foot() -> None:
    square = 0.05 * np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    crossed = np.concatenate([square, np.roll(square, 1, axis=1), np.roll(square, 2, axis=1)])
    faces = np.concatenate([4 * k + np.array([[0, 1, 2], [0, 2, 3]]) for k in range(3)])
    with pytest.raises(UnusableMeshError, match="no flat side to stand on"):
        standing_direction(prepare(crossed, faces))
