"""The course of a body that carries a camera, as it is published: it goes on where a method has to start again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Integers
from isometry.depth_egomotion.types import EgoMotionStep
from isometry.geometry import covariance, se3

UNSEEN = covariance.independent(0.5, 0.5)
"""Covariance of the velocity, m/s and rad/s, of a camera while nothing is known of its motion."""


@dataclass(frozen=True)
class BodyMotion:
    """Where a body is after an image, and how it moves. Covariances (6,6): metres and radians, or those a second."""

    stamp_ns: int
    T_odom_body: Array  # (4,4)
    covariance: Array  # of the pose, along the axes of odom
    twist: Array  # (6,) along the body's own axes: m/s, then rad/s
    twist_covariance: Array
    T_map_odom: Array  # (4,4)


@dataclass(frozen=True)
class _Start:
    """Where a method has started: its odometry's frame is the camera there."""

    T_odom_camera: Array  # (4,4)
    covariance: Array  # (6,6) of it, along the axes of odom
    T_map_camera: Array  # (4,4) what the method takes for the origin of its map


class Course:
    """Adds up the steps of a method from a start, and of the same method from later starts.

    `T_odom_camera` (4,4) is the camera in the frame of the odometry at the first image.
    """

    def __init__(self, T_odom_camera: Array) -> None:
        self._start = _Start(T_odom_camera, np.zeros((6, 6)), T_odom_camera)
        self._camera: tuple[Array, Array] = T_odom_camera, np.zeros((6, 6))  # now, and its covariance
        self._last: BodyMotion | None = None  # since the start
        self._unseen_ns: int | None = None  # stamp of the image before, when the next one is a later start
        self._images = 0  # since the start
        self._keyframes: list[tuple[int, int, Array]] = []  # since the start: number, stamp, T_camera_body
        self._earlier: list[tuple[int, Array]] = []  # stamp and T_map_body of the keyframes of earlier starts

    def start_again(self, optimised: Sequence[Array], same_map: bool = False) -> None:
        """The method starts again with the next image, which has the pose of the one before.

        The motion between the two is not known. `optimised` are T_map_camera (4,4) of the method's images so far; with
        `same_map` the method looks for the camera in the map that it had at its first start, else it begins a new one.
        """
        if self._last is None:
            return
        self._earlier = self._placed(optimised)
        T_odom_camera, known = self._camera
        T_map_camera = self._start.T_map_camera if same_map else self._last.T_map_odom @ T_odom_camera
        self._start = _Start(T_odom_camera, known, T_map_camera)
        self._unseen_ns = self._last.stamp_ns
        self._images, self._keyframes, self._last = 0, [], None

    def add(self, step: EgoMotionStep, T_body_camera: Array, stamp_ns: int) -> BodyMotion:
        """The body after the step of one image."""
        if self._unseen_ns is not None:
            unseen = UNSEEN * (1e-9 * (stamp_ns - self._unseen_ns)) ** 2
            self._start, self._unseen_ns = replace(self._start, covariance=self._start.covariance + unseen), None
        start, T_camera_body = self._start, se3.inverse(T_body_camera)
        T_odom_camera = start.T_odom_camera @ step.T_odom_camera
        of_start = covariance.at_point(start.covariance, T_odom_camera[:3, 3] - start.T_odom_camera[:3, 3])
        known = of_start + covariance.rotated(step.covariance, start.T_odom_camera[:3, :3])
        T_odom_body = T_odom_camera @ T_camera_body
        T_map_odom = start.T_map_camera @ step.T_map_odom @ se3.inverse(start.T_odom_camera)
        twist, twist_covariance = self._twist(step, T_odom_body, T_body_camera, stamp_ns)
        at_body = covariance.at_point(known, T_odom_body[:3, 3] - T_odom_camera[:3, 3])
        if step.keyframe:
            self._keyframes.append((self._images, stamp_ns, T_camera_body))
        self._images += 1
        self._camera = T_odom_camera, known
        self._last = BodyMotion(stamp_ns, T_odom_body, at_body, twist, twist_covariance, T_map_odom)
        return self._last

    def _twist(
        self, step: EgoMotionStep, T_odom_body: Array, T_body_camera: Array, stamp_ns: int
    ) -> tuple[Array, Array]:
        """The motion since the last image over the time since then, and its covariance; unknown at the first."""
        if self._last is None:
            return np.zeros(6), UNSEEN
        seconds = 1e-9 * (stamp_ns - self._last.stamp_ns)
        T_before_body = se3.inverse(self._last.T_odom_body) @ T_odom_body
        turn = Rotation.from_matrix(T_before_body[:3, :3]).as_rotvec()
        twist = np.concatenate([T_before_body[:3, :3].T @ T_before_body[:3, 3], turn]) / seconds
        along_body = covariance.rotated(step.motion_covariance, T_body_camera[:3, :3])
        return twist, covariance.at_point(along_body, -T_body_camera[:3, 3]) / seconds**2

    def keyframes(self, optimised: Sequence[Array]) -> tuple[Integers, Array]:
        """Stamps (K,) and T_map_body (K,4,4) of all keyframes; `optimised` as in `start_again`."""
        placed = self._placed(optimised)
        stamps_ns = np.array([stamp_ns for stamp_ns, _ in placed], np.int64)
        return stamps_ns, np.array([T_map_body for _, T_map_body in placed]).reshape(-1, 4, 4)

    def _placed(self, optimised: Sequence[Array]) -> list[tuple[int, Array]]:
        own = [
            (stamp_ns, self._start.T_map_camera @ optimised[number] @ T_camera_body)
            for number, stamp_ns, T_camera_body in self._keyframes
        ]
        return self._earlier + own
