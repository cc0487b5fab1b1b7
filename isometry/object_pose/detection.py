"""Which known objects are in an image, without a detector: regions of the depth, each compared with each object.

image -> regions that may show one object                                       segmentation.py
      -> for each, the objects of a size and of colours that it may show, ranked by their rendered views
      -> the poses of the best of these, by the estimator
      -> of objects for one region, the one that explains depth, silhouette and colours best
      -> of regions that overlap, the one of which most is explained
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.object_pose.crop import extent, measured_points
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.own_pixels import with_own_pixels
from isometry.object_pose.segmentation import Scene, joined_regions, left_over, segmented, single_regions
from isometry.object_pose.types import ObjectPose, Observation, PoseEstimator
from isometry.object_pose.views import rank

POINTS = 300  # measured on a region, for the ranking
SMALLEST, LARGEST = 0.2, 1.3  # extent of a region over the diameter of an object
BY_COLOUR = 0.3  # share of the rank of an object for a region that its colours give: light changes them
OBJECTS_FOR_REGION = 3  # whose poses are estimated
NO_FIT = 0.5  # share of the best of a region, below which an object is not tried
LEAST_AGREEMENT = 0.5  # of a pose with depth and silhouette, by the object's own pixels
CLEARLY = 8.0  # logarithm of the likelihood of one object over that of another one, for the same pixels
MOSTLY_OWN = 0.95  # share of its pixels that no other object has, below which a pose is estimated anew by these
WORTHLESS = 0.4  # agreement that says nothing: pixels of a region count by what exceeds it
OVERLAPPING = 0.3  # share of the smaller region that two may share
INSIDE = 0.3  # of the smaller diameter, between the middles of two objects
BINS, BLUR, COMMON = 24, 1.2, 0.01  # of colours: cells of a side, cells by which light changes them, share of a surface
DARK = 0.08  # brightness below which a colour is not known


@dataclass(frozen=True, eq=False)
class DetectedObject:
    """An object that was found."""

    name: str
    mesh: ObjectMesh
    region: Flags  # (H,W)
    pose: ObjectPose
    explained: float  # pixels, by how much their agreement exceeds what says nothing

    @property
    def T_camera_object(self) -> Array:
        """Its best pose (4,4)."""
        return self.pose.modes[0].T_camera_object

    def in_place_of(self, other: DetectedObject) -> bool:
        """Whether both cannot be there: they have the same pixels, or one is in the middle of the other."""
        first, second = (se3.apply(each.T_camera_object, each.mesh.centre) for each in (self, other))
        inside = np.linalg.norm(first - second) < INSIDE * min(self.mesh.diameter, other.mesh.diameter)
        smaller = min(self.region.sum(), other.region.sum())
        return bool(inside) or bool((self.region & other.region).sum() >= OVERLAPPING * smaller)


Search = Generator[None, None, list[DetectedObject]]
"""A search that stops after each region, and returns what it found."""


@dataclass(frozen=True, eq=False)
class _Known:
    """An object, and the colours that it has."""

    name: str
    model: ObjectModel

    @cached_property
    def palette(self) -> Array | None:
        """How common each colour is, 0 to 1; None for a mesh without colours."""
        if self.model.mesh.colours is None:
            return None
        shares = ndimage.gaussian_filter(_chromaticities(self.model.surface.colours), BLUR)
        return np.asarray(np.minimum(shares / COMMON, 1.0))

    def affinity(self, colours: Array) -> float:
        """Share of colours (N,3) that the object has as well; 1 where no colours are known of one of the two."""
        shares = _chromaticities(colours)
        known = shares.sum()
        return 1.0 if self.palette is None or known == 0.0 else float((shares * self.palette).sum() / known)


class ObjectFinder:
    """Finds known objects in single images."""

    def __init__(self, models: Mapping[str, ObjectModel], estimator: PoseEstimator) -> None:
        self.models = models
        # what stands by its outline has no depth by which it could be found
        self._known = [_Known(name, model) for name, model in models.items() if model.upright is None]
        self._largest = max((each.model.mesh.diameter for each in self._known), default=0.0)
        self._estimator = estimator

    def find(self, colour: NDArray[np.uint8], depth: Array, camera: Array) -> list[DetectedObject]:
        """Objects in an image (H,W,3) with its depth (H,W) in metres, of a camera (3,3), those explained best first."""
        found = advanced(self.search(colour, depth, camera))
        assert found is not None
        return found

    def search(self, colour: NDArray[np.uint8], depth: Array, camera: Array) -> Search:
        """The same, region by region, so that other work can be done between them."""
        scene = segmented(depth, camera, self._largest)
        seen = Observation(colour, depth, np.zeros(depth.shape, bool), camera, exact=False)
        found = yield from self._found(single_regions(scene), seen, scene)
        # an object that was found twice may be one in two parts
        once = [each for each in found if sum(each.name == other.name for other in found) == 1]
        joined = joined_regions(scene, _explained(once, depth), self._largest)
        found = _apart([*found, *(yield from self._found(joined, seen, scene))])
        left = left_over(scene, _explained(found, depth))
        found = _apart([*found, *(yield from self._found(left, seen, scene))])
        return self._with_pixels_of_one(found, seen)

    def _found(self, regions: Sequence[Flags], seen: Observation, scene: Scene) -> Search:
        """The objects in regions (H,W) of an image."""
        found = []
        for region in regions:
            best = self._best(replace(seen, mask=region), extent(scene.points[region]))
            if best is not None:
                found.append(best)
            yield
        return _apart(found)

    def _with_pixels_of_one(self, found: Sequence[DetectedObject], seen: Observation) -> list[DetectedObject]:
        """The same objects, no pixel being of two: where two touch, it is of the one of which more is explained."""
        taken = np.zeros_like(seen.mask)
        settled = []
        for each in found:
            region = each.region & ~taken
            pose = each.pose
            if region.sum() < MOSTLY_OWN * each.region.sum():
                pose = self._estimator.estimate(replace(seen, mask=region), self.models[each.name])
            settled.append(replace(each, region=region, pose=pose if pose.modes else each.pose))
            taken |= each.region
        return settled

    def _best(self, observation: Observation, size: float) -> DetectedObject | None:
        """The object that a region of `size` metres shows, if any."""
        colours = observation.colour[observation.mask] / 255.0
        fits = []
        for each in self._known:
            mesh = each.model.mesh
            if not SMALLEST < size / mesh.diameter < LARGEST:
                continue
            points = measured_points(observation, mesh.diameter, POINTS)
            fit = float(rank(each.model.views, mesh.centre, observation, points).fits[0])
            fits.append((fit * (1.0 - BY_COLOUR + BY_COLOUR * each.affinity(colours)), each))
        fits.sort(key=lambda fit: -fit[0])
        tried = [each for fit, each in fits[:OBJECTS_FOR_REGION] if fit > NO_FIT * fits[0][0]]
        poses = [(each, self._estimator.estimate(observation, each.model)) for each in tried]
        poses = [(each, pose) for each, pose in poses if pose.modes]
        if not poses:
            return None
        best = max((pose for _, pose in poses), key=lambda pose: pose.evidence["score"])
        if best.evidence["agreement"] > LEAST_AGREEMENT:  # else the region shows more than one object, and tells little
            poses = [(each, pose) for each, pose in poses if pose.evidence["score"] > best.evidence["score"] - CLEARLY]
        found = [self._with_own_pixels(known, observation, pose) for known, pose in poses]
        return max((each for each in found if each is not None), key=lambda each: each.explained, default=None)

    def _with_own_pixels(self, known: _Known, observation: Observation, pose: ObjectPose) -> DetectedObject | None:
        """The object with its own pixels, or None where these explain little."""
        seen, pose = with_own_pixels(observation, pose, known.model, self._estimator)
        agreement = pose.evidence["agreement"]
        explained = (agreement - WORTHLESS) * float(seen.mask.sum())
        if agreement <= LEAST_AGREEMENT:
            return None
        return DetectedObject(known.name, known.model.mesh, seen.mask, pose, explained)


def advanced(search: Search, until_s: float = np.inf) -> list[DetectedObject] | None:
    """What a search has found once it has come to its end; None where a time of `perf_counter` was over before."""
    while True:
        try:
            next(search)
        except StopIteration as end:
            found: list[DetectedObject] = end.value
            return found
        if time.perf_counter() > until_s:
            return None


def _explained(found: Sequence[DetectedObject], depth: Array) -> Flags:
    """The pixels (H,W) of objects that were found."""
    return np.any([each.region for each in found], axis=0) if found else np.zeros(depth.shape, bool)


def _apart(found: Sequence[DetectedObject]) -> list[DetectedObject]:
    """Of objects that cannot both be there, the one of which most is explained."""
    kept: list[DetectedObject] = []
    for each in sorted(found, key=lambda each: -each.explained):
        if not any(each.in_place_of(other) for other in kept):
            kept.append(each)
    return kept


def _chromaticities(colours: Array) -> Array:
    """How common colours (N,3) are, (BINS,BINS) by their shares of red and green; those in the dark are left out."""
    brightness = colours.sum(axis=1)
    known = brightness > 3.0 * DARK
    shares = colours[known, :2] / brightness[known, None]
    counts, _, _ = np.histogram2d(shares[:, 0], shares[:, 1], BINS, ((0.0, 1.0), (0.0, 1.0)))
    return np.asarray(counts / max(len(colours), 1))
