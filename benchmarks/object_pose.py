"""Poses of generated objects on a simulated table, one thread: preparation, first pose, one more image, search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy

import numpy as np

from benchmarks.measure import Figure, size, timed
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.detection import ObjectFinder
from isometry.object_pose.mesh import ObjectMesh, prepare
from isometry.object_pose.model import prepare_model
from isometry.object_pose.tracking import ObjectTracker, Sighting
from isometry.object_pose.types import Observation
from isometry.simulation.tabletop.household import household_object
from isometry.simulation.tabletop.scene import CAMERA, Tabletop

SEED, OBJECTS = 11, 3
ROUNDS, SLOW_ROUNDS = 10, 3


def figures() -> Iterator[Figure]:
    """All figures, one after the other."""
    random = np.random.default_rng(SEED)
    table = Tabletop([household_object(random) for _ in range(OBJECTS)], random)
    picture = table.picture(table.viewpoint(random), random)
    meshes: list[ObjectMesh] = [
        prepare(each.mesh.vertices, each.mesh.triangles, each.given_colours) for each in table.objects
    ]
    models = [prepare_model(mesh) for mesh in meshes]
    seen = [Observation(picture.colour, picture.depth, picture.labels == k, CAMERA) for k in range(1, OBJECTS + 1)]
    estimator = RenderedViewsEstimator()
    yield size("object_pixels", float(np.mean([each.mask.sum() for each in seen])), "pixels")
    yield timed("object_preparation", lambda: prepare_model(meshes[0]), SLOW_ROUNDS)
    yield timed("object_first_pose", lambda: estimator.estimate(seen[0], models[0]), ROUNDS)
    tracker = ObjectTracker(models[0], picture.colour, picture.depth, CAMERA, picture.T_camera_object[0])
    yield timed("object_followed_image", _one_more_image(tracker, seen[0], picture.T_camera_object[0]), ROUNDS)
    finder = ObjectFinder({str(k): model for k, model in enumerate(models)}, estimator)
    yield timed("object_search_of_3", lambda: finder.find(picture.colour, picture.depth, CAMERA), SLOW_ROUNDS)


def _one_more_image(tracker: ObjectTracker, seen: Observation, T_camera_object: np.ndarray) -> Callable[[], Sighting]:
    """A function that finds the object once more, from 5 mm beside it."""
    beside = T_camera_object.copy()
    beside[:3, 3] += [0.005, 0.0, 0.0]

    def follow() -> Sighting:
        # a copy, as what it learns of the motion would make the next call start at the right pose
        sighting = copy(tracker).follow(seen.colour, seen.depth, seen.camera, beside)
        if sighting is None:
            raise RuntimeError("the object is lost")
        return sighting

    return follow
