"""What object poses are measured on: the instances of a BOP data set that are visible enough, and their models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from isometry.arrays import Array, Flags
from isometry.datasets.bop.models import BopModels, ModelInfo
from isometry.datasets.bop.scenes import BopFrame, BopInstance, open_scenes
from isometry.datasets.errors import naming
from isometry.object_pose.masks import bounds
from isometry.object_pose.mesh import prepare
from isometry.object_pose.model import ObjectModel, prepare_model, without_colours
from isometry.object_pose.regions import object_in_region
from isometry.object_pose.rendering import Window, rays_through
from isometry.object_pose.types import Observation

LEAST_VISIBLE = 0.3  # share of the silhouette
SILHOUETTE_STEP = 2.0  # pixels between the rays that measure a silhouette


@dataclass(frozen=True, eq=False)
class PreparedObject:
    """An object of the data set, ready for estimation."""

    model: ObjectModel
    info: ModelInfo
    seconds: float  # processor time of the preparation


@dataclass(frozen=True, eq=False)
class Case:
    """One instance in one frame."""

    frame: BopFrame
    instance: BopInstance
    observation: Observation
    prepared: PreparedObject
    visible: float  # share of its silhouette

    @property
    def T_camera_object(self) -> Array:
        """The true pose (4,4)."""
        return self.instance.T_camera_object


class BopCases:
    """The instances of all frames with depth, or of one scene."""

    def __init__(
        self,
        root: Path,
        scene: int | None = None,
        boxes: bool = False,
        without_colours: bool = False,
        least_visible: float = LEAST_VISIBLE,
    ) -> None:
        """With `boxes`, the pixels of an object are found in the box around its labelled mask, as those of a detector.

        With `without_colours`, those of the meshes are not used. Instances of which less than `least_visible` is seen
        are left out.

        Raises DatasetError naming what is missing or cannot be used.
        """
        self.boxes, self.without_colours, self.least_visible = boxes, without_colours, least_visible
        self.scenes = open_scenes(root, scene)
        self.models = BopModels(root)
        self.without_depth = [name for each in self.scenes for name in each.without_depth]
        self.prepared = lru_cache(None)(self._prepare)

    @property
    def count(self) -> int:
        """The number of labelled instances, some of which may not be visible enough."""
        return sum(len(frame.instances) for scene in self.scenes for frame in scene.frames)

    def __iter__(self) -> Iterator[Case]:
        """Instances that are visible enough. An image is read and a model prepared when it is needed."""
        for scene in self.scenes:
            for frame in scene.frames:
                colour, depth = frame.colour(), frame.depth()
                for instance in frame.instances:
                    if instance.visible is not None and instance.visible < self.least_visible:
                        continue
                    prepared = self.prepared(instance.object_number)
                    mask = instance.mask()
                    with naming(instance.mask_path):
                        observation = Observation(colour, depth, mask, frame.camera)
                    visible = instance.visible
                    if visible is None:
                        visible = _visible(observation, instance.T_camera_object, prepared.model)
                    if visible < self.least_visible:
                        continue
                    if self.boxes:
                        mask = _mask_in_box(observation, prepared.model)
                        observation = replace(observation, mask=mask, exact=False)
                    yield Case(frame, instance, observation, prepared, visible)

    @property
    def objects(self) -> dict[int, PreparedObject]:
        """All objects of the data set that have a mesh, by number."""
        numbers = [number for number in sorted(self.models.infos) if self.models.path(number).is_file()]
        return {number: self.prepared(number) for number in numbers}

    def _prepare(self, number: int) -> PreparedObject:
        info = self.models.info(number)
        vertices, triangles, colours = self.models.mesh(number)
        began = time.process_time()
        with naming(self.models.path(number)):
            model = prepare_model(prepare(vertices, triangles, colours))
        model = without_colours(model) if self.without_colours else model
        return PreparedObject(model, info, time.process_time() - began)


def _mask_in_box(observation: Observation, model: ObjectModel) -> Flags:
    """The pixels of an object as they are found in the box around its mask."""
    box = np.zeros_like(observation.mask)
    outermost = bounds(observation.mask)
    if outermost is not None:
        left, top, right, bottom = outermost
        box[top : bottom + 1, left : right + 1] = True
    return object_in_region(box, np.nan_to_num(observation.depth), observation.camera, model.mesh.diameter)


def _visible(observation: Observation, T_camera_object: Array, model: ObjectModel) -> float:
    """The share of the silhouette of an object that lies in the mask; what is outside of the image is not visible."""
    height, width = observation.mask.shape
    steps = int(width / SILHOUETTE_STEP), int(height / SILHOUETTE_STEP)
    # half an image more on each side
    window = Window(-0.5 * width, -0.5 * height, 2 * steps[0], 2 * steps[1], SILHOUETTE_STEP)
    pixels = window.pixels()
    met = model.renderer.depth(T_camera_object, rays_through(observation.camera, pixels)) > 0.0
    u, v = pixels[met].astype(np.intp).T
    known = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    return float(observation.mask[v[known], u[known]].sum() / max(met.sum(), 1))
