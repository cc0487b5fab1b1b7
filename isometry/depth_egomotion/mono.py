"""The motion of a camera alone, top to bottom.

    image -> lens straightened                                                                          frame.py
    corners of an image before followed into this one -> rotation, and direction of the translation     two_view.py
    length of the translation: by the ground under a camera of known height                             ground.py
                               by the speed that wheels or another odometry tell
                               by the depth that a network predicts at the corners                      depth_model.py
                               by how deep the corners are, of which the depth is known from before
                               at constant speed
    -> all of them that are there, weighted                                                             (here)
    few corners left -> this image is the one that is followed

Without one of the first three the length of the first motion is 1, and all others are in that unit: `scale_sigma` is 1.
There is no map: nothing is ever corrected, and what is lost is gone on from where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.depth_egomotion.corners import corners_of, flow, flow_there_and_back
from isometry.depth_egomotion.depth_model import DepthEstimate
from isometry.depth_egomotion.frame import EVEN, RectifiedFrame, rectified
from isometry.depth_egomotion.ground import COMMON_SIGMA, SIGMA, Ground
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pinhole import lifted
from isometry.depth_egomotion.two_view import TwoView, depths, two_view
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import covariance, se3
from isometry.sensing.cameras import Camera

CORNERS, QUALITY, APART = 2000, 0.001, 10  # pixels apart
LEVELS, FINE_LEVELS = 4, 1  # halvings of the images: from image to image, and from where a corner was first seen
RETURNS = 0.5  # pixels within which a corner followed there and back has to return
FEW = 0.4  # share of the corners that are still followed, below which others are taken
FEWEST_DEPTHS = 20
DEPTH_SIGMA = 0.03  # relative, of a length by the depths of corners
SPEED_SIGMA = 0.01  # relative, of all lengths by another odometry: of the radius of a wheel
PREDICTED_SIGMA = 0.1  # relative, of a length by predicted depth: at least, as its error is common to all corners
ACCELERATION = 2.0  # m/s^2, or units of length
PATIENCE_S = 1.0  # that a first length waits for what knows metres, before it is taken for the unit
UNKNOWN_SIGMA = 1.0  # relative, of a scale of which nothing is known
FLOOR_M = 0.002  # metres, of one motion across its direction
FADING = 0.01  # by which the scale is less well known from image to image
STANDING_SIGMA, LENGTH_FLOOR = 0.01, 0.005  # metres, of a motion that is not seen, and of any length
ROTATION_FLOOR, DIRECTION_FLOOR = 0.0004, 0.005  # radians of one motion, and of the direction of its translation


class Vote(NamedTuple):
    """What one source says of the length of a motion."""

    length: float  # metres
    sigma: float  # metres
    common: float = UNKNOWN_SIGMA  # relative, of all lengths of its source alike; from 1 on it knows no metres


class DepthPredictor(Protocol):
    """What predicts depth from one image, such as `DepthModel`."""

    def predict(self, colour: NDArray[np.uint8], camera: Camera) -> DepthEstimate:
        """Depth of an image (H,W,3) of a camera."""
        ...


@dataclass(eq=False)
class Followed:
    """An image whose corners are followed through later ones."""

    grey: NDArray[np.uint8]  # (H,W)
    pixels: NDArray[np.float32]  # (N,2) here
    now: NDArray[np.float32]  # (N,2) in the last image
    alive: Flags  # (N,) which were found there
    depth: Array  # (N,) along the axis of this camera; NaN where it is not known
    predicted: Array  # (N,2) depth by a network, and its standard deviation, metres; NaN where there is none
    T_odom_camera: Array  # (4,4) of this image


class MonoEgoMotion:
    """Follows a camera without depth; see the head of this file."""

    name = "mono"

    def __init__(self, parameters: EgoMotionParameters, depth_model: DepthPredictor | None = None) -> None:
        self.parameters = parameters
        self._depth_model = depth_model
        self.reset()

    def reset(self) -> None:
        """Start again: the next frame is the first."""
        self._poses: list[Array] = []
        self._anchor: Followed | None = None
        self._before: RectifiedFrame | None = None
        self._stamp_ns = 0
        self._measured: RectifiedFrame | None = None  # the last image to which the motion was measured
        self._T_odom_measured = np.eye(4)
        self._since_s = 0.0  # since that image
        self._told = np.zeros(2)  # metres travelled since then by another odometry, and their sigma; NaN: not known
        self._told_mps: float | None = None  # at the image before
        self._speed: float | None = None  # metres, or units, a second
        self._scale_sigma = UNKNOWN_SIGMA  # relative, beside what is common to all lengths of a source
        self._common_sigma = UNKNOWN_SIGMA
        self._T_before_after = np.eye(4)
        self._covariance = np.zeros((6, 6))
        height = self.parameters.camera_height
        self._ground = Ground(height) if height > 0.0 else None

    def optimised(self) -> Sequence[Array]:
        """The poses as they were published."""
        return list(self._poses)

    @property
    def _metric(self) -> bool:
        """Whether lengths are in metres, however well these are known; else in units of the first motion."""
        return self._common_sigma < UNKNOWN_SIGMA

    @property
    def scale_sigma(self) -> float:
        """Relative standard deviation of the scale of all translations."""
        return min(float(np.hypot(self._scale_sigma, self._common_sigma)), UNKNOWN_SIGMA)

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        """One frame, newer than the one before. See `EgoMotion`."""
        began_s = time.perf_counter()
        if self._before is not None and stamp_ns <= self._stamp_ns:
            raise ValueError(f"a frame of stamp {stamp_ns} ns came after one of {self._stamp_ns} ns")
        seen = rectified(frame)
        seconds = (stamp_ns - self._stamp_ns) * 1e-9
        T_before, new = self._poses[-1] if self._poses else np.eye(4), False
        T, motion_covariance = T_before, np.zeros((6, 6))
        state, reason = "ok", ""
        if self._before is not None and np.array_equal(seen.grey, self._before.grey):
            state, reason = "frozen", "the image is the one before, bit by bit"
        elif seen.grey.std() < EVEN:
            state, reason = "bad_input", "there is nothing to see in the image"
        elif self._anchor is None or self._before is None:
            self._take(seen, np.eye(4))
            self._measure_from(seen, np.eye(4))
            self._told_mps, new = frame.speed_mps, True
        else:
            self._travel(frame, seconds)
            T, motion_covariance, reason = self._follow(seen, self._anchor, self._before, T_before, seconds)
            state, new = "lost" if reason else "ok", self._renew(seen, T, lost=bool(reason))
        T_before_camera = se3.inverse(T_before) @ T
        self._covariance = covariance.propagated(self._covariance, T_before_camera) + motion_covariance
        self._poses.append(T)
        if state in ("ok", "lost"):
            self._before, self._stamp_ns = seen, stamp_ns
        return EgoMotionStep(
            T,
            covariance.rotated(self._covariance, T[:3, :3]),
            T_before_camera,
            motion_covariance,
            np.eye(4),
            state,
            reason,
            new,
            "",
            self.scale_sigma,
            time.perf_counter() - began_s,
        )

    def _travel(self, frame: CameraFrame, seconds: float) -> None:
        """Add time and way since the last image: at the mean of the speeds that are told at both."""
        now = np.nan if frame.speed_mps is None else frame.speed_mps
        before = now if self._told_mps is None else self._told_mps
        self._since_s += seconds
        self._told = self._told + np.array([(before + now) / 2.0, frame.speed_sigma_mps]) * seconds
        self._told_mps = frame.speed_mps

    def _measure_from(self, seen: RectifiedFrame, T_odom_camera: Array) -> None:
        """The next length is that of the motion from this image on."""
        self._measured, self._T_odom_measured = seen, T_odom_camera
        self._since_s, self._told = 0.0, np.zeros(2)

    def _follow(
        self, seen: RectifiedFrame, anchor: Followed, before: RectifiedFrame, T_before: Array, seconds: float
    ) -> tuple[Array, Array, str]:
        """T_odom_camera (4,4), the covariance (6,6) of the motion, and why it is not known, if it is not."""
        _find(anchor, before.grey, seen.grey)
        here, there = anchor.pixels[anchor.alive].astype(np.float64), anchor.now[anchor.alive].astype(np.float64)
        motion = two_view(here, there, seen.matrix)
        if motion is None:
            T = T_before @ self._T_before_after
            self._measure_from(seen, T)
            errs = covariance.independent(self._speed or 1.0, 0.5) * seconds
            return T, errs, f"{len(here)} corners are followed, and too few agree on a motion"
        moved = bool(motion.direction.any())
        found_length = self._length(seen, anchor, motion) if moved else (0.0, STANDING_SIGMA)
        measured = moved and found_length is not None
        length, sigma = found_length or (0.0, UNKNOWN_SIGMA)
        T_anchor_camera = se3.from_rotation_translation(motion.rotation, length * motion.direction)
        T = se3.orthonormal(anchor.T_odom_camera @ T_anchor_camera)
        self._T_before_after = se3.inverse(T_before) @ T
        if measured:
            found = depths(here, there, seen.matrix, T_anchor_camera)
            anchor.depth[anchor.alive] = np.where(motion.agree, found, np.nan)
            self._speed = float(np.linalg.norm(T[:3, 3] - self._T_odom_measured[:3, 3])) / self._since_s
            self._measure_from(seen, T)
        elif self._speed is not None:  # a camera that has only stood has no unit of length yet
            self._speed = 0.0
        step = float(np.linalg.norm(self._T_before_after[:3, 3]))
        return T, _covariance(motion, self._T_before_after, step, sigma), ""

    def _length(self, seen: RectifiedFrame, anchor: Followed, motion: TwoView) -> tuple[float, float] | None:
        """The length of the motion from the anchor; the standard deviation of the way since it was measured; metres.

        None where a source that knows metres has said nothing so far and may do so soon.
        """
        votes = self._votes(seen, anchor, motion)
        in_metres = [vote for vote in votes if vote.common < UNKNOWN_SIGMA]
        in_units = [vote for vote in votes if vote.common >= UNKNOWN_SIGMA]
        if not self._metric and in_metres and in_units:  # the first to know metres
            metres, units = _weighted(in_metres).length, _weighted(in_units).length
            if min(metres, units) > LENGTH_FLOOR:
                self._rescale(anchor, metres / units)
                self._common_sigma = min(vote.common for vote in in_metres)
                votes = self._votes(seen, anchor, motion)
            else:  # too little to tell how long a unit is
                votes = in_units
        self._common_sigma = min([self._common_sigma, *(vote.common for vote in votes)])
        t_measured = (se3.inverse(anchor.T_odom_camera) @ self._T_odom_measured)[:3, 3]
        if not votes:
            may_come = self._ground is not None or self._depth_model is not None
            if self._speed is None and may_come and self._since_s < PATIENCE_S:
                return None
            step = 1.0 if self._speed is None else ACCELERATION * self._since_s**2
            return _reach(motion.direction, t_measured, step), UNKNOWN_SIGMA * step
        step, sigma, _ = _weighted(votes)
        # what one length tells of the scale, all later ones have from the depths of corners
        if step > 0.0 and self._metric:
            self._scale_sigma = min(self._scale_sigma * (1.0 + FADING), sigma / step, UNKNOWN_SIGMA)
        return _reach(motion.direction, t_measured, step), sigma

    def _rescale(self, anchor: Followed, factor: float) -> None:
        """Bring what is remembered from the unit of length to metres; what was published stays."""
        T_anchor_measured = se3.inverse(anchor.T_odom_camera) @ self._T_odom_measured
        T_anchor_measured[:3, 3] *= factor
        anchor.T_odom_camera = self._T_odom_measured @ se3.inverse(T_anchor_measured)
        anchor.depth *= factor
        if self._speed is not None:
            self._speed *= factor

    def _votes(self, seen: RectifiedFrame, anchor: Followed, motion: TwoView) -> list[Vote]:
        """What each source says of the way since the image to which the motion was measured last."""
        T_anchor_measured = se3.inverse(anchor.T_odom_camera) @ self._T_odom_measured
        seconds, t_measured = self._since_s, T_anchor_measured[:3, 3]

        def step_to(reach: float) -> float:
            return float(np.linalg.norm(reach * motion.direction - t_measured))

        votes: list[Vote] = []
        if self._speed:  # one that has stood has moved now: its speed tells nothing
            expected = self._speed * seconds
            votes.append(Vote(expected, self._scale_sigma * expected + ACCELERATION * seconds**2))
        told, told_sigma = self._told.tolist()
        if np.isfinite(told):
            votes.append(Vote(told, told_sigma + SPEED_SIGMA * told + FLOOR_M, SPEED_SIGMA))
        agree = motion.agree
        here, there = anchor.pixels[anchor.alive][agree], anchor.now[anchor.alive][agree]
        T_unit = se3.from_rotation_translation(motion.rotation, motion.direction)
        unit = depths(here.astype(np.float64), there.astype(np.float64), seen.matrix, T_unit)
        by_depth = _median_ratio(anchor.depth[anchor.alive][agree], unit)
        if by_depth is not None:
            reach, _ = by_depth
            step = step_to(reach)
            votes.append(Vote(step, self._scale_sigma * step + DEPTH_SIGMA * max(step, reach) + LENGTH_FLOOR))
        predicted, errs = anchor.predicted[anchor.alive][agree].T
        by_network = _median_ratio(predicted, unit)
        if by_network is not None:
            reach, scatter = by_network
            relative = max(float(np.hypot(scatter, np.nanmedian(errs / predicted))), PREDICTED_SIGMA)
            votes.append(Vote(step_to(reach), relative * max(step_to(reach), reach) + LENGTH_FLOOR, relative))
        reach = by_depth[0] if by_depth is not None else float(np.linalg.norm(t_measured)) + 1.0
        return votes + self._by_ground(seen, T_anchor_measured, motion.rotation, reach * motion.direction)

    def _by_ground(
        self, seen: RectifiedFrame, T_anchor_measured: Array, R_anchor: Array, t_anchor: Array
    ) -> list[Vote]:
        """What the ground says of the way since then, if anything.

        `R_anchor` (3,3) and `t_anchor` (3,), of about the right length, are of the motion from the image followed.
        """
        if self._ground is None or self._measured is None:
            return []
        R_measured_anchor = T_anchor_measured[:3, :3].T
        along = R_measured_anchor @ (t_anchor - T_anchor_measured[:3, 3])
        direction = along / max(float(np.linalg.norm(along)), 1e-9)
        expected = None if self._speed is None else self._speed * self._since_s
        found = self._ground.length(
            self._measured.grey, seen.grey, seen.matrix, R_measured_anchor @ R_anchor, direction, expected
        )
        return [] if found is None else [Vote(found.metres, SIGMA * found.metres + LENGTH_FLOOR, COMMON_SIGMA)]

    def _take(self, seen: RectifiedFrame, T_odom_camera: Array) -> None:
        """Follow the corners of this image from now on; those that were followed keep their depth."""
        old = self._anchor
        kept, depth = np.zeros((0, 2), np.float32), np.zeros(0)
        if old is not None:
            T = se3.inverse(T_odom_camera) @ old.T_odom_camera
            known = old.alive & np.isfinite(old.depth)
            points = se3.apply(T, lifted(old.pixels[known], old.depth[known], seen.matrix))
            ahead = points[:, 2] > 0.0
            kept, depth = old.now[known][ahead], points[ahead, 2]
        mask = np.full(seen.shape, 255, np.uint8)
        for u, v in kept.astype(int):
            cv2.circle(mask, (int(u), int(v)), APART, 0, -1)
        found = corners_of(seen.grey, CORNERS - len(kept), QUALITY, APART, mask)
        pixels = np.concatenate([kept, found])
        depth = np.concatenate([depth, np.full(len(pixels) - len(depth), np.nan)])
        alive = np.ones(len(pixels), bool)
        predicted = self._predicted(seen, pixels)
        self._anchor = Followed(seen.grey, pixels, pixels.copy(), alive, depth, predicted, T_odom_camera)

    def _predicted(self, seen: RectifiedFrame, pixels: NDArray[np.float32]) -> Array:
        """Depth by the network and its standard deviation (N,2), metres, at pixels (N,2); NaN without a network."""
        if self._depth_model is None:
            return np.full((len(pixels), 2), np.nan)
        rows, columns = seen.shape
        estimate = self._depth_model.predict(seen.colour, Camera(seen.matrix, columns, rows))
        sigma = np.zeros(seen.shape) if estimate.sigma is None else estimate.sigma
        u, v = np.rint(pixels).astype(int).T
        u, v = np.clip(u, 0, columns - 1), np.clip(v, 0, rows - 1)
        return np.stack([estimate.depth[v, u], sigma[v, u]], axis=1).astype(np.float64)

    def _renew(self, seen: RectifiedFrame, T_odom_camera: Array, lost: bool) -> bool:
        """Follow this image where too little of the one that is followed is left."""
        assert self._anchor is not None
        if lost:
            self._anchor = None
        elif self._anchor.alive.mean() >= FEW:
            return False
        self._take(seen, T_odom_camera)
        return True


def _find(anchor: Followed, before: NDArray[np.uint8], grey: NDArray[np.uint8]) -> None:
    """Find the corners of an image in the next one: from the last one roughly, then from where they were first seen."""
    start, found = flow(before, grey, anchor.now, anchor.now, LEVELS)
    there, good = flow_there_and_back(anchor.grey, grey, anchor.pixels, start, FINE_LEVELS, RETURNS)
    good &= found
    anchor.alive &= good
    anchor.now = there


def _weighted(votes: Sequence[Vote]) -> Vote:
    """The mean of votes, weighted by their variances."""
    weights = np.array([1.0 / vote.sigma**2 for vote in votes])
    length = float(weights @ [vote.length for vote in votes] / weights.sum())
    return Vote(length, float(1.0 / np.sqrt(weights.sum())), min(vote.common for vote in votes))


def _median_ratio(depth: Array, unit: Array) -> tuple[float, float] | None:
    """The length at which corners whose depth (N,) at a motion of length 1 is `unit` are as deep as known (N,).

    The median of all, and their relative scatter; None where too few are known.
    """
    ratio = depth / unit
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < FEWEST_DEPTHS:
        return None
    middle = float(np.median(ratio))
    return middle, 1.48 * float(np.median(np.abs(ratio - middle))) / middle


def _reach(direction: Array, t_before: Array, step: float) -> float:
    """The length l at which l * direction is `step` away from `t_before`: the larger one, as near as it can be."""
    along = float(direction @ t_before)
    aside = float(t_before @ t_before) - along**2
    return along + float(np.sqrt(max(step**2 - aside, 0.0)))


def _covariance(motion: TwoView, T_before_after: Array, step: float, sigma: float) -> Array:
    """Of the motion from the last image (6,6), along the camera's axes."""
    matrix = np.zeros((6, 6))
    along = T_before_after[:3, 3] / step if step > 0.0 else np.zeros(3)
    across = np.eye(3) - np.outer(along, along)
    across_variance = (float(np.trace(motion.covariance[3:, 3:])) / 2.0 + DIRECTION_FLOOR**2) * step**2
    if step == 0.0:  # it may have been in any direction
        across_variance = sigma**2
    matrix[:3, :3] = sigma**2 * np.outer(along, along) + (across_variance + FLOOR_M**2) * across
    matrix[3:, 3:] = motion.covariance[:3, :3] + ROTATION_FLOOR**2 * np.eye(3)
    return covariance.rotated(matrix, T_before_after[:3, :3].T)
