"""The objects in one image, top to bottom: what a detector has found, and the pose of each object whose mesh is known.

colour, depth -> one view without distortion                        view_of
              -> the objects of the images before, followed         tracking.py, tracks.py
boxes, labels -> the pixels of each object                          regions.py
 or neither   -> those of the known objects, now and then           detection.py
              -> one that is followed, or                           tracks.py
                 its poses by the estimator, or a reason            baseline.py
              -> its number, and the twin that it was before        instances.py
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.geometry.covariance import rotated
from isometry.object_pose.detection import ObjectFinder
from isometry.object_pose.instances import REACH, Instances, nearest_twin
from isometry.object_pose.library import KnownObject
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.regions import object_in_region
from isometry.object_pose.tracking import ObjectTracker
from isometry.object_pose.tracks import Key, Track, Tracks
from isometry.object_pose.types import ObjectPose, Observation, PoseEstimator, PoseMode
from isometry.sensing.cameras import Camera
from isometry.sensing.depth_registration import registered

REASONS = {
    "bad_box": "its box is not finite or has no size",
    "too_many": "others have higher scores",
    "unknown": "no mesh of that name is known",
    "too_small": "too few pixels show it",
    "no_depth": "too little depth was measured on it",
    "other_size": "what was measured is not of its size: another object, or several",
    "no_hypothesis": "no pose comes near to what was measured",
    "low_confidence": "no pose is certain enough",
    "out_of_time": "the time for an image was over",
}
"""Why a detection has no pose."""
OTHER_UNITS = {"millimetres": 1000.0, "centimetres": 100.0}
"""Of one metre."""


@dataclass(frozen=True, eq=False)
class View:
    """Colour and depth in one ideal camera."""

    colour: NDArray[np.uint8]  # (H,W,3)
    depth: Array  # (H,W) metres, 0 where nothing was measured
    camera: Camera  # the colour camera; images that come with it may be distorted


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector says of an object, in the ideal camera."""

    name: str  # of the object
    region: Flags  # (H,W) pixels
    exact: bool  # whether the pixels are the object's, and not of a box around it
    tag: str = ""  # the detector's own name of this object, the same from image to image
    reason: str = ""  # why it cannot be used, one of `REASONS`; its region is empty then
    pose: ObjectPose | None = None  # where it was found by its pose


@dataclass(frozen=True, eq=False)
class LocatedObject:
    """An object with a pose."""

    known: KnownObject
    number: int  # of the objects of this kind, from 1; it stays
    modes: tuple[PoseMode, ...]  # in the camera's frame, first the one that is published
    T_frame_object: Array  # (4,4) of that one, in the frame of the output
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw along the axes of that frame; metres, radians
    pose: ObjectPose  # as estimated

    @property
    def name(self) -> str:
        """Name and number."""
        return f"{self.known.name}_{self.number}"


@dataclass(frozen=True, eq=False)
class ObjectPoseStep:
    """The result for one image."""

    view: View
    objects: tuple[LocatedObject, ...]
    refused: tuple[tuple[str, str, str], ...]  # name, reason and the reason in words of each detection without a pose
    T_frame_camera: Array  # (4,4)
    seconds: dict[str, float]  # duration of each stage


@dataclass(frozen=True, eq=False)
class _Answer:
    """The pose of one object in the camera's frame."""

    name: str
    pose: ObjectPose
    tag: str
    followed: int | None  # its number, where it is one that was followed


class ObjectPosePipeline:
    """Finds the poses of known objects in images that come one after the other."""

    def __init__(
        self, library: Mapping[str, KnownObject], estimator: PoseEstimator, parameters: ObjectPoseParameters
    ) -> None:
        self.library, self.estimator, self.parameters = library, estimator, parameters
        self._finder = ObjectFinder({name: known.model for name, known in library.items()}, estimator)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as when time has jumped."""
        self._instances = Instances(self.parameters.forget_after)
        self._tracks = Tracks()
        self._left_over: set[str] = set()  # names whose turn did not come in the image before
        self._searched_ns: int | None = None

    def process(
        self, view: View, found: Sequence[Found] | None, stamp_ns: int, T_frame_camera: Array
    ) -> ObjectPoseStep:
        """The poses of the detections in one image; `T_frame_camera` (4,4) is the camera in the frame of the output.

        That frame should be one that stands still, so that numbers of objects stay while the camera moves. With None
        in place of detections, the known objects are looked for while none is followed, and every `search_every`.
        """
        times = [time.perf_counter()]
        if found is not None:
            self._tracks.forget(stamp_ns - round(1e9 * self.parameters.forget_after))
        if self.parameters.follow:
            self._tracks.follow(view.colour, view.depth, view.camera.matrix, T_frame_camera)
        if found is None:
            found = self._search(view, stamp_ns)
        followed, new = self._followed(found, stamp_ns)
        times.append(time.perf_counter())
        refused: list[tuple[str, str, str]] = []
        answers: list[_Answer] = []
        waiting = sorted(new, key=lambda each: each[0].name not in self._left_over)
        self._left_over = set()
        for tried, (each, key) in enumerate(waiting):
            reason, words, pose = "out_of_time", "", None
            if not tried or time.perf_counter() - times[0] < self.parameters.time_limit:
                reason, words, pose = self._estimate(view, each)
            else:
                self._left_over.add(each.name)
            if pose is not None:
                answers.append(_Answer(each.name, pose, each.tag, None))
                followed.pop(key, None)
            elif key is None:
                refused.append((each.name, reason, words or REASONS[reason]))
        times.append(time.perf_counter())
        objects = self._named([*followed.values(), *answers], view, stamp_ns, T_frame_camera)
        times.append(time.perf_counter())
        seconds = dict(zip(("follow", "estimate", "name"), np.diff(times).tolist(), strict=True))
        return ObjectPoseStep(view, objects, tuple(refused), T_frame_camera, seconds)

    def _search(self, view: View, stamp_ns: int) -> list[Found]:
        """The known objects in an image, where it is time to look for them."""
        rests = self._searched_ns is not None and stamp_ns - self._searched_ns < 1e9 * self.parameters.search_every
        if self._tracks.known and rests:
            return []
        self._searched_ns = stamp_ns
        found = self._finder.find(view.colour, view.depth, view.camera.matrix)
        return [Found(each.name, each.region, True, pose=each.pose) for each in found]

    def _followed(
        self, found: Sequence[Found], stamp_ns: int
    ) -> tuple[dict[Key | None, _Answer], list[tuple[Found, Key | None]]]:
        """The objects that are followed, and the detections whose pose is to be estimated.

        Those are the ones that are no object that is followed, and those of an object with several possible poses.
        """
        names, regions, tags = ([getattr(each, what) for each in found] for what in ("name", "region", "tag"))
        matches = self._tracks.matches(names, regions, tags)
        new: list[tuple[Found, Key | None]] = [(each, None) for k, each in enumerate(found) if k not in matches]
        for k, key in matches.items():
            track = self._tracks.known[key]
            track.detected_ns, track.tag = stamp_ns, found[k].tag
            unclear = track.pose.reason == "ambiguous"
            if unclear and stamp_ns - track.estimated_ns >= 1e9 * self.parameters.estimate_again_after:
                new.append((found[k], key))
        answers: dict[Key | None, _Answer] = {
            (name, number): _Answer(name, track.pose, track.tag, number)
            for (name, number), track in self._tracks.known.items()
        }
        return answers, new

    def _estimate(self, view: View, found: Found) -> tuple[str, str, ObjectPose | None]:
        if found.reason:
            return found.reason, "", None
        known = self.library.get(found.name)
        if known is None:
            return "unknown", "", None
        camera, diameter = view.camera.matrix, known.model.mesh.diameter
        mask = found.region if found.exact else object_in_region(found.region, view.depth, camera, diameter)
        if mask.sum() < self.parameters.fewest_pixels:
            empty = not found.exact and found.region.sum() >= self.parameters.fewest_pixels
            return "no_depth" if empty else "too_small", "", None
        pose = found.pose or self.estimator.estimate(Observation(view.colour, view.depth, mask, camera), known.model)
        if not pose.modes:
            words = _size_in_words(mask, view, diameter) if pose.reason == "other_size" else ""
            return pose.reason, words, None
        if pose.confidence < self.parameters.least_confidence:
            return "low_confidence", "", None
        return pose.reason, "", pose

    def _named(
        self, answers: Sequence[_Answer], view: View, stamp_ns: int, T_frame_camera: Array
    ) -> tuple[LocatedObject, ...]:
        located = []
        T_camera_frame = se3.inverse(T_frame_camera)
        for name in dict.fromkeys(answer.name for answer in answers):
            known = self.library[name]
            own = [answer for answer in answers if answer.name == name]
            poses = [T_frame_camera @ answer.pose.modes[0].T_camera_object for answer in own]
            reach = REACH * known.model.mesh.diameter
            fixed = {k: answer.followed for k, answer in enumerate(own) if answer.followed is not None}
            numbers = self._instances.numbers(name, poses, [answer.tag for answer in own], reach, stamp_ns, fixed)
            for answer, number in zip(own, numbers, strict=True):
                before = self._instances.before(name, number)
                pose = answer.pose
                if answer.followed is None and before is not None:
                    pose = replace(pose, modes=nearest_twin(pose, T_camera_frame @ before, known.model))
                T_frame_object = T_frame_camera @ pose.modes[0].T_camera_object
                self._instances.remember(name, number, T_frame_object, answer.tag, stamp_ns)
                if answer.followed is None and self.parameters.follow:
                    self._begin_track(known, number, pose, answer.tag, view, stamp_ns, T_frame_object)
                covariance = rotated(pose.covariance, T_frame_camera[:3, :3])
                located.append(LocatedObject(known, number, pose.modes, T_frame_object, covariance, pose))
        return tuple(located)

    def _begin_track(
        self, known: KnownObject, number: int, pose: ObjectPose, tag: str, view: View, stamp_ns: int, T: Array
    ) -> None:
        """Follow an object from this image on; `T` (4,4) is its pose in the frame of the output."""
        first = pose.modes[0].T_camera_object
        tracker = ObjectTracker(known.model, view.colour, view.depth, view.camera.matrix, first)
        self._tracks.known[known.name, number] = Track(tracker, pose, T, stamp_ns, stamp_ns, tag)


def view_of(
    colour: NDArray[np.uint8],
    camera: Camera,
    depth: Array,
    depth_camera: Camera | None,
    T_colour_depth: Array,
) -> View:
    """Colour (H,W,3) and depth (h,w) in metres as one view without distortion.

    `depth_camera` and `T_colour_depth` (4,4) are those of the depth image; None where the depth is registered to the
    colour already. Raises ValueError for an image that is not of its camera's size.
    """
    _check_size("colour image", colour, camera)
    if depth_camera is None:
        _check_size("depth image, which should be registered to the colour,", depth, camera)
        seen = camera.without_distortion(depth)
    else:
        _check_size("depth image", depth, depth_camera)
        straight = depth_camera.without_distortion(depth)
        seen = registered(straight, depth_camera.matrix, T_colour_depth, camera.matrix, camera.shape)
    return View(camera.without_distortion(colour), seen, camera)


def _check_size(what: str, image: NDArray[np.generic], camera: Camera) -> None:
    if image.shape[:2] != camera.shape:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(f"the {what} is {size}, and its camera_info is of {camera.width}x{camera.height}")


def _size_in_words(mask: Flags, view: View, diameter: float) -> str:
    """Names another unit where it explains a size that is not the object's; else nothing."""
    v, u = np.nonzero(mask & (view.depth > 0.0))
    if len(v) == 0:
        return ""
    depth = float(np.median(view.depth[v, u]))
    extent = max(np.ptp(u), np.ptp(v)) * depth / view.camera.matrix[0, 0]
    for unit, factor in OTHER_UNITS.items():
        if 0.3 < extent / factor / diameter < 2.0:
            return f"what was measured is about {factor:g} times its size: is the depth in {unit}?"
        if 0.3 < extent * factor / diameter < 2.0:
            return f"its mesh is about {factor:g} times the size of what was measured: is it in {unit}?"
    return ""
