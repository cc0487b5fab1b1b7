"""The objects that are followed from image to image, and which detection is which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.object_pose.calibration import covariance
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.refinement import depth_equations
from isometry.object_pose.tracking import ObjectTracker, Sighting
from isometry.object_pose.types import ObjectPose, PoseMode

Key = tuple[str, int]  # name and number of an object
LEAST_INSIDE = 0.5  # share of an object's pixels that must lie in a detection's


@dataclass(eq=False)
class Track:
    """An object that is followed."""

    tracker: ObjectTracker
    pose: ObjectPose  # in the camera's frame at the last image
    T_frame_object: Array  # (4,4) then
    estimated_ns: int  # stamp of the image that its modes are of
    detected_ns: int  # stamp of the last image with a detection of it
    tag: str = ""
    sighting: Sighting | None = None  # in the last image, if it was followed there


class Tracks:
    """Objects by name and number."""

    def __init__(self) -> None:
        self.known: dict[Key, Track] = {}

    def follow(self, colour: NDArray[np.uint8], depth: Array, camera: Array, T_frame_camera: Array) -> None:
        """Find all objects in the next image, from a camera at a pose (4,4); those that are lost are forgotten."""
        T_camera_frame = se3.inverse(T_frame_camera)
        for key, track in list(self.known.items()):
            before = T_camera_frame @ track.T_frame_object
            sighting = track.tracker.follow(colour, depth, camera, before)
            if sighting is None:
                del self.known[key]
                continue
            track.pose = moved(track.pose, sighting, track.tracker.model)
            track.T_frame_object, track.sighting = T_frame_camera @ sighting.T_camera_object, sighting

    def matches(self, names: Sequence[str], regions: Sequence[Flags], tags: Sequence[str]) -> dict[int, Key]:
        """The objects (by index of the detection) that detections with pixels (H,W) are of, each one once.

        A detection is of the object whose tag it has, else of the one with the largest share of pixels in it.
        """
        shares = []
        for k, (name, region, tag) in enumerate(zip(names, regions, tags, strict=True)):
            for key, track in self.known.items():
                if key[0] == name and track.sighting is not None and region.size:
                    u, v = track.sighting.pixels.T
                    inside = float(region[v, u].mean()) if len(u) else 0.0
                    shares.append((bool(tag) and tag == track.tag, inside, k, key))
        found: dict[int, Key] = {}
        for same_tag, inside, k, key in sorted(shares, key=lambda share: share[:2], reverse=True):
            if k not in found and key not in found.values() and (same_tag or inside >= LEAST_INSIDE):
                found[k] = key
        return found

    def forget(self, before_ns: int) -> None:
        """Forget objects that no detection has shown since a stamp."""
        self.known = {key: track for key, track in self.known.items() if track.detected_ns >= before_ns}


def moved(pose: ObjectPose, sighting: Sighting, model: ObjectModel) -> ObjectPose:
    """A result after its first mode was seen at another pose: the other ones have moved with it.

    The covariance is by the depth alone; the confidence stays that of the first pose.
    """
    turned = sighting.T_camera_object @ se3.inverse(pose.modes[0].T_camera_object)
    modes = tuple(PoseMode(turned @ mode.T_camera_object, mode.weight, mode.axis) for mode in pose.modes)
    T = sighting.T_camera_object
    tolerance = float(depth_tolerance(se3.apply(T, model.mesh.centre)[2]))
    equations = depth_equations(T, sighting.points, T[:3, 3], model, tolerance)
    information = np.zeros((6, 6)) if equations is None else equations[0]
    return replace(pose, modes=modes, covariance=covariance(information, T, modes[0].axis, model))
