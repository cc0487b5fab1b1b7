"""Known objects that are found without a detector."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.detection import ObjectFinder
from isometry.object_pose.mesh import prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.own_pixels import own_pixels
from isometry.object_pose.types import Observation
from isometry.simulation.tabletop.household import household_object
from isometry.simulation.tabletop.scene import CAMERA, Picture, Tabletop


@pytest.fixture(scope="module")
def table() -> tuple[dict[str, ObjectModel], Picture]:
    """The models of objects on a table, by the number of each on it, and of one that is not there."""
    random = np.random.default_rng(11)
    objects = [household_object(random) for _ in range(4)]
    top = Tabletop(objects[:3], random)
    names = [str(k) for k in range(len(top.objects))]
    models = {
        name: prepare_model(prepare(each.mesh.vertices, each.mesh.triangles, each.given_colours))
        for name, each in zip([*names, "absent"], [*top.objects, objects[3]], strict=True)
    }
    return models, top.picture(top.viewpoint(random), random)


@pytest.mark.slow
def test_objects_on_a_table_are_found_by_name_and_pose(table: tuple[dict[str, ObjectModel], Picture]) -> None:
    models, picture = table
    found = ObjectFinder(models, RenderedViewsEstimator()).find(picture.colour, picture.depth, CAMERA)
    best = {each.name: each for each in reversed(found)}  # a part of one may be taken for a second one
    assert sorted(best) == ["0", "1", "2"]
    assert np.sum([each.region for each in found], axis=0).max() == 1  # no pixel is of two
    for each in best.values():
        mask = picture.labels == int(each.name) + 1
        assert (each.region & mask).sum() > 0.7 * (each.region | mask).sum()
        T_true = picture.T_camera_object[int(each.name)]
        symmetry = models[each.name].symmetry.shape
        turns = [symmetry.angle(mode.T_camera_object[:3, :3], T_true[:3, :3]) for mode in each.pose.modes]
        assert min(turns) < np.radians(10.0)
        centre = models[each.name].mesh.centre
        assert np.linalg.norm(se3.apply(each.T_camera_object, centre) - se3.apply(T_true, centre)) < 0.02


@pytest.mark.slow
def test_without_known_objects_or_depth_nothing_is_found(table: tuple[dict[str, ObjectModel], Picture]) -> None:
    models, picture = table
    assert ObjectFinder({}, RenderedViewsEstimator()).find(picture.colour, picture.depth, CAMERA) == []
    blind = np.zeros_like(picture.depth)
    assert ObjectFinder(models, RenderedViewsEstimator()).find(picture.colour, blind, CAMERA) == []


@pytest.mark.slow
def test_the_pixels_of_an_object_are_those_at_the_depth_of_its_pose(
    table: tuple[dict[str, ObjectModel], Picture],
) -> None:
    models, picture = table
    number = int(np.argmax(picture.visible))
    mask = picture.labels == number + 1
    observation = Observation(picture.colour, picture.depth, mask, CAMERA)
    T_true = picture.T_camera_object[number]
    own = own_pixels(observation, T_true, models[str(number)])
    assert (own & mask).sum() > 0.85 * (own | mask).sum()
    behind = T_true.copy()
    behind[2, 3] += 0.3
    assert own_pixels(observation, behind, models[str(number)]).sum() < 0.2 * mask.sum()
    beside = T_true.copy()
    beside[0, 3] += 5.0
    assert not own_pixels(observation, beside, models[str(number)]).any()
