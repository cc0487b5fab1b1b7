"""Looking for the known objects in images that come one after the other: a search may last longer than an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.detection import DetectedObject, ObjectFinder, Search, advanced
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.own_pixels import own_pixels
from isometry.object_pose.tracking import ObjectTracker
from isometry.object_pose.tracks import moved
from isometry.object_pose.types import Observation
from isometry.object_pose.view import Found, View


class _Going(NamedTuple):
    """A search, and the image that it is in."""

    search: Search
    view: View
    T_frame_camera: Array  # (4,4)


class Searching:
    """Searches one image after the other. What was found in an older image is followed from there to the newest."""

    def __init__(self, finder: ObjectFinder, every_s: float) -> None:
        """A search begins `every_s` seconds after the one before, or as soon as nothing is known."""
        self._finder, self._every_ns = finder, round(1e9 * every_s)
        self._began_ns: int | None = None
        self._going: _Going | None = None

    def found(
        self, view: View, stamp_ns: int, T_frame_camera: Array, anything_known: bool, until_s: float
    ) -> list[Found]:
        """The objects where a search has come to its end before a time of `perf_counter`; else none."""
        if self._going is None:
            if anything_known and self._began_ns is not None and stamp_ns - self._began_ns < self._every_ns:
                return []
            self._began_ns = stamp_ns
            search = self._finder.search(view.colour, view.depth, view.camera.matrix)
            self._going = _Going(search, view, T_frame_camera)
        going = self._going
        detected = advanced(going.search, until_s)
        if detected is None:
            return []
        self._going = None
        if going.view is view:
            return [Found(each.name, each.region, True, pose=each.pose) for each in detected]
        T_now_then = se3.inverse(T_frame_camera) @ going.T_frame_camera
        again = (_again(each, self._finder.models[each.name], going.view, view, T_now_then) for each in detected)
        return [each for each in again if each is not None]


def _again(detected: DetectedObject, model: ObjectModel, then: View, now: View, T_now_then: Array) -> Found | None:
    """What was found in an older image, where it is now; None where it is lost, as what has been moved meanwhile.

    `T_now_then` (4,4): the camera then, in its frame now.
    """
    first = detected.T_camera_object
    tracker = ObjectTracker(model, then.colour, then.depth, then.camera.matrix, first)
    sighting = tracker.follow(now.colour, now.depth, now.camera.matrix, T_now_then @ first)
    if sighting is None:
        return None
    anywhere = np.ones(now.depth.shape, bool)
    seen = Observation(now.colour, now.depth, anywhere, now.camera.matrix)
    region = own_pixels(seen, sighting.T_camera_object, model)
    return Found(detected.name, region, True, pose=moved(detected.pose, sighting, model))
