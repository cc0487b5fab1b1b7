"""A data set of simulated table-top scenes, in the layout of BOP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from isometry.datasets.bop.writer import FrameToWrite, InstanceToWrite, ModelToWrite, write_models, write_scene
from isometry.simulation.tabletop.household import HouseholdObject, household_object
from isometry.simulation.tabletop.scene import CAMERA, Picture, Tabletop

OBJECTS_IN_SCENE = 8
OBJECTS_FOR_SCENE = 1.5  # new objects of the data set for each scene
FRAMES = 2  # of a scene, in different light
LEAST_SEEN = 0.02  # share of a silhouette: what is hidden more is no instance


def write_tabletop_scenes(
    root: Path, scenes: int, seed: int, advance: Callable[[int], None] = lambda done: None
) -> None:
    """Write scenes of generated objects, the same for a seed and a number. `advance` is told how many are done."""
    random = np.random.default_rng([seed, 0])
    count = max(OBJECTS_IN_SCENE, int(OBJECTS_FOR_SCENE * scenes))
    objects = [household_object(random) for _ in range(count)]
    write_models(root, [_model(each) for each in objects])
    for number in range(scenes):
        drawn = np.random.default_rng([seed, 1, number])
        chosen = drawn.choice(count, OBJECTS_IN_SCENE, replace=False)
        table = Tabletop([objects[k] for k in chosen], drawn)
        numbers = [int(chosen[k]) + 1 for k in table.numbers]
        pictures = [table.picture(table.viewpoint(drawn), drawn) for _ in range(FRAMES)]
        write_scene(root, number, [_frame(picture, numbers) for picture in pictures])
        advance(number + 1)


def _model(each: HouseholdObject) -> ModelToWrite:
    outer = each.mesh.vertices[ConvexHull(each.mesh.vertices).vertices]
    diameter = float(pdist(outer).max())
    return ModelToWrite(
        each.mesh.vertices, each.mesh.triangles, each.given_colours, diameter, each.half_turns, each.axis
    )


def _frame(picture: Picture, numbers: list[int]) -> FrameToWrite:
    instances = []
    for k, (number, mask) in enumerate(zip(numbers, picture.masks, strict=True)):
        visible = float(picture.visible[k])
        if visible > LEAST_SEEN:
            seen = mask & (picture.labels == k + 1)
            instances.append(InstanceToWrite(number, picture.T_camera_object[k], mask, seen, visible))
    return FrameToWrite(picture.colour, picture.depth, CAMERA, instances)
