"""The objects in one image, top to bottom: what a detector has found, and the pose of each object whose mesh is known.

colour, depth -> one view without distortion                        view.py
              -> the objects of the images before, followed         tracking.py, tracks.py
boxes, labels -> the pixels of each object                          regions.py
 or neither   -> those of the known objects, now and then           searching.py, detection.py
              -> one that is followed, or                           tracks.py
                 its poses by its estimator, or a reason            baseline.py, standing.py
                 in a box, its own pixels by its pose, and again    own_pixels.py
              -> its number, and the twin that it was before        instances.py
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.covariance import rotated
from isometry.object_pose.detection import ObjectFinder
from isometry.object_pose.instances import REACH, Instances, nearest_twin
from isometry.object_pose.library import KnownObject
from isometry.object_pose.own_pixels import estimated
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.reasons import REASONS, size_in_words
from isometry.object_pose.regions import object_in_region
from isometry.object_pose.searching import Searching
from isometry.object_pose.tracking import ObjectTracker
from isometry.object_pose.tracks import Key, Track, Tracks
from isometry.object_pose.types import ObjectPose, Observation, PoseEstimator, PoseMode
from isometry.object_pose.view import Found, View


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
        self._searching = Searching(self._finder, self.parameters.search_every)

    def process(
        self, view: View, found: Sequence[Found] | None, stamp_ns: int, T_frame_camera: Array
    ) -> ObjectPoseStep:
        """The poses of the detections in one image; `T_frame_camera` (4,4) is the camera in the frame of the output.

        That frame should be one that stands still, so that numbers of objects stay while the camera moves. With None
        in place of detections, the known objects are looked for while none is followed, and every `search_every`; what
        `time_limit` is too short for is done in the next images.
        """
        times = [time.perf_counter()]
        if found is not None:
            self._tracks.forget(stamp_ns - round(1e9 * self.parameters.forget_after))
        if self.parameters.follow:
            self._tracks.follow(view.colour, view.depth, view.camera.matrix, T_frame_camera)
        if found is None:
            until_s = times[0] + self.parameters.time_limit
            anything = bool(self._tracks.known)
            found = self._searching.found(view, stamp_ns, T_frame_camera, anything, until_s)
        followed, new = self._followed(found, stamp_ns)
        times.append(time.perf_counter())
        refused: list[tuple[str, str, str]] = []
        answers: list[_Answer] = []
        waiting = sorted(new, key=lambda each: each[0].name not in self._left_over)
        self._left_over = set()
        for tried, (each, key) in enumerate(waiting):
            reason, words, pose = "out_of_time", "", None
            in_time = time.perf_counter() - times[0] < self.parameters.time_limit
            if not tried or in_time or each.pose is not None:
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
        whole = found.exact or known.model.upright is not None  # what stands is looked for in all of its box
        mask = found.region if whole else object_in_region(found.region, view.depth, camera, diameter)
        if mask.sum() < self.parameters.fewest_pixels:
            empty = not found.exact and found.region.sum() >= self.parameters.fewest_pixels
            return "no_depth" if empty else "too_small", "", None
        seen = Observation(view.colour, view.depth, mask, camera, exact=whole)
        pose = found.pose or estimated(seen, known.model, self.estimator)
        if not pose.modes:
            words = size_in_words(mask, view.depth, camera, diameter) if pose.reason == "other_size" else ""
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
                if answer.followed is None and self.parameters.follow and known.model.upright is None:
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
