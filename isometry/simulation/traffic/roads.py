"""Roads that meet at a crossing: the routes through it, where parked cars stand, and where people walk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from isometry.arrays import Array
from isometry.geometry.planar import wrapped
from isometry.simulation.worlds.bend import Bend, random_bend

POINT_M = 0.25  # along a route, from one of its points to the next
NEAR_M = 14.0  # a stop line lies so far from the middle of the crossing
BEYOND_M = 500.0  # routes go on so far beyond what is simulated, for the own car


@dataclass(frozen=True)
class Roads:
    """R routes of N points each, `POINT_M` apart; traffic keeps to the right."""

    points: Array  # (R,N,2) metres
    headings: Array  # (R,N) radians, without jumps
    curvatures: Array  # (R,N) radians a metre
    stop_lines_m: Array  # (R,) along the route, where one waits for green
    phases: NDArray[np.int64]  # (R,) of the traffic lights, in which the route is green
    innermost: NDArray[np.bool_]  # (R,) whether the lane next to the middle line is used
    cycle_s: float  # of the lights; infinite: always green
    lanes: int  # a direction
    lane_m: float
    arms_rad: Array  # (M,) direction of each road, away from the crossing
    arm_m: float  # what is simulated of each
    bend: Bend

    @property
    def half_width_m(self) -> float:
        """From the middle line to where the parked cars stand."""
        return self.lanes * self.lane_m + 0.8

    def places(self, routes: NDArray[np.int64], along_m: Array, aside_m: Array) -> tuple[Array, Array, Array]:
        """Points (...,2), headings (...) and curvatures (...) at distances along routes, so far to the left of them."""
        at = np.clip(along_m / POINT_M, 0.0, self.points.shape[1] - 1.001)
        k = at.astype(np.int64)
        part = at - k

        def between(values: Array) -> Array:
            low, high = values[routes, k], values[routes, k + 1]
            share = part.reshape(part.shape + (1,) * (low.ndim - part.ndim))
            return np.asarray(low + share * (high - low))

        heading = between(self.headings)
        left = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
        return between(self.points) + aside_m[..., None] * left, heading, between(self.curvatures)

    def green(self, routes: NDArray[np.int64], time_s: float, clearing_s: float = 3.0) -> NDArray[np.bool_]:
        """Which of the routes may enter the crossing."""
        if not np.isfinite(self.cycle_s):
            return np.ones(len(routes), bool)
        count = int(self.phases.max()) + 1
        each = self.cycle_s / count
        phase, into = divmod(time_s % self.cycle_s, each)
        return np.asarray((self.phases[routes] == int(phase)) & (into < each - clearing_s))

    def on_arm(self, arm: int, out_m: float | Array, aside_m: float | Array) -> Array:
        """Points (...,2) so far out on an arm and to the left of its middle line, looking outwards."""
        direction = self.arms_rad[arm]
        x = np.cos(direction) * out_m - np.sin(direction) * aside_m
        y = np.sin(direction) * out_m + np.cos(direction) * aside_m
        flat = np.stack(np.broadcast_arrays(x, y, 0.0), axis=-1)
        return self.bend.points(flat.reshape(-1, 3)).reshape(flat.shape)[..., :2]


def random_roads(random: np.random.Generator, arm_m: float) -> Roads:
    """A road that bends, three that meet, or four."""
    arms = int(random.choice([2, 3, 4], p=[0.3, 0.25, 0.45]))
    skew = random.normal(0.0, 0.12, 4)
    arms_rad = np.array([0.0, np.pi, np.pi / 2.0, -np.pi / 2.0])[:arms] + skew[:arms]
    lanes, lane_m = int(random.choice([1, 2])), float(random.uniform(3.1, 3.7))
    bend = random_bend(random.uniform(0.0, 6.0), 0.0, (120.0, 320.0), random)
    protected = bool(random.random() < 0.5)  # one arm at a time; otherwise two opposite ones, and no turns to the left
    lines, phases, innermost, stops = [], [], [], []
    for start in range(arms):
        for end in range(arms):
            turn = float(wrapped(np.asarray(arms_rad[end] - arms_rad[start] - np.pi)))
            ahead, left = abs(turn) < 0.7, turn >= 0.7
            if start == end or (left and not protected):
                continue
            for lane in range(lanes) if ahead else [0 if left else lanes - 1]:
                line = _line(arms_rad[start], arms_rad[end], (lane + 0.5) * lane_m, arm_m)
                points = _resampled(bend.points(_rounded(line, left, ahead, random)))
                lines.append(points)
                phases.append(start if protected else start // 2)
                innermost.append(lane == 0)
                stops.append(NEAR_M)
    count = min(len(points) for points in lines)
    points = np.stack([points[:count] for points in lines])
    headings = np.unwrap(np.arctan2(*np.moveaxis(np.gradient(points, axis=1), -1, 0)[::-1]), axis=1)
    distances = np.linalg.norm(points, axis=2)
    nearest = distances.argmin(axis=1)
    before = np.arange(count) < nearest[:, None]
    stop_lines = np.where(before, np.abs(distances - NEAR_M), np.inf).argmin(axis=1) * POINT_M
    used = np.unique(np.array(phases), return_inverse=True)[1]
    return Roads(
        points,
        headings,
        np.gradient(headings, POINT_M, axis=1),
        stop_lines,
        used,
        np.array(innermost),
        float(random.uniform(7.0, 14.0) * (used.max() + 1)) if arms > 2 else np.inf,
        lanes,
        lane_m,
        arms_rad,
        arm_m,
        bend,
    )


def _line(start_rad: float, end_rad: float, aside_m: float, arm_m: float) -> Array:
    """Corners (K,2) of a way in on one arm and out on another, so far to the right of the middle lines."""
    inwards = -np.array([np.cos(start_rad), np.sin(start_rad)])
    outwards = np.array([np.cos(end_rad), np.sin(end_rad)])
    entry = aside_m * np.array([inwards[1], -inwards[0]])
    leave = aside_m * np.array([outwards[1], -outwards[0]])
    cross = inwards[0] * outwards[1] - inwards[1] * outwards[0]
    corners = [entry - arm_m * inwards]
    if abs(cross) > 0.6:
        apart = leave - entry
        corners.append(entry + (apart[0] * outwards[1] - apart[1] * outwards[0]) / cross * inwards)
    else:
        corners += [entry - 8.0 * inwards, leave + 8.0 * outwards]
    return np.array([*corners, leave + (arm_m + BEYOND_M) * outwards])


def _rounded(corners: Array, left: bool, ahead: bool, random: np.random.Generator) -> Array:
    """A way (N,3) along corners (K,2), whose curvature rises and falls smoothly; the tightest radius is 0.9 sigma."""
    fine_m = 0.25
    legs = [
        start + (end - start) * np.arange(0.0, 1.0, fine_m / np.linalg.norm(end - start))[:, None]
        for start, end in pairwise(corners)
    ]
    sigma_m = random.uniform(8.0, 12.0) if left or ahead else random.uniform(5.5, 9.0)
    smooth = gaussian_filter1d(np.vstack(legs), sigma_m / fine_m, axis=0, mode="nearest")
    return np.column_stack([smooth, np.zeros(len(smooth))])


def _resampled(points: Array) -> Array:
    """Points (M,2) at equal distances along a line (N,3)."""
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1))])
    at = np.arange(0.0, run[-1], POINT_M)
    return np.column_stack([np.interp(at, run, points[:, axis]) for axis in (0, 1)])
