"""Roads that meet at a crossing: routes through it, traffic lights, and positions beside the roads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from isometry.arrays import Array
from isometry.geometry.planar import wrapped
from isometry.simulation.paths import densified, distances_along
from isometry.simulation.worlds.bend import Bend, random_bend

POINT_M = 0.25  # between neighbouring points of a route
CROSSING_M = 14.0  # from the middle of the crossing to the stop lines
BEYOND_M = 500.0  # routes go on so far beyond the simulated area, for the ego vehicle
CLEARING_S = 3.0  # the last seconds of a phase, in which no route is green


@dataclass(frozen=True)
class Roads:
    """R routes of N points each, `POINT_M` apart. Traffic keeps to the right."""

    points: Array  # (R,N,2) metres
    headings: Array  # (R,N) radians, without jumps
    curvatures: Array  # (R,N) radians a metre
    stop_lines_m: Array  # (R,) distance along the route
    phases: NDArray[np.int64]  # (R,) of the traffic lights, in which the route is green
    innermost: NDArray[np.bool_]  # (R,) whether the route uses the lane next to the centre line
    cycle_s: float  # of the lights; infinite: always green
    lanes: int  # in each direction
    lane_m: float  # width
    arms_rad: Array  # (M,) direction of each road, away from the crossing
    arm_m: float  # length of the simulated part of each road
    bend: Bend

    @property
    def half_width_m(self) -> float:
        """From the centre line to the parked cars."""
        return self.lanes * self.lane_m + 0.8

    def sample(self, routes: NDArray[np.int64], distance_m: Array, offset_m: Array) -> tuple[Array, Array, Array]:
        """Points (...,2), headings (...) and curvatures (...) at distances along routes and lateral offsets (...).

        Offsets are to the left of the route.
        """
        position = np.clip(distance_m / POINT_M, 0.0, self.points.shape[1] - 1.001)
        k = position.astype(np.int64)
        fraction = position - k

        def interpolated(values: Array) -> Array:
            low, high = values[routes, k], values[routes, k + 1]
            share = fraction.reshape(fraction.shape + (1,) * (low.ndim - fraction.ndim))
            return np.asarray(low + share * (high - low))

        heading = interpolated(self.headings)
        left = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
        return interpolated(self.points) + offset_m[..., None] * left, heading, interpolated(self.curvatures)

    def green(self, routes: NDArray[np.int64], time_s: float) -> NDArray[np.bool_]:
        """Which of the routes (K,) may enter the crossing (K,)."""
        if not np.isfinite(self.cycle_s):
            return np.ones(len(routes), bool)
        count = int(self.phases.max()) + 1
        phase_s = self.cycle_s / count
        phase, elapsed_s = divmod(time_s % self.cycle_s, phase_s)
        return np.asarray((self.phases[routes] == int(phase)) & (elapsed_s < phase_s - CLEARING_S))

    def on_arm(self, arm: int, out_m: float | Array, offset_m: float | Array) -> Array:
        """Points (...,2) at a distance from the crossing along an arm, to the left of its centre line seen outwards."""
        direction = self.arms_rad[arm]
        x = np.cos(direction) * out_m - np.sin(direction) * offset_m
        y = np.sin(direction) * out_m + np.cos(direction) * offset_m
        flat = np.stack(np.broadcast_arrays(x, y, 0.0), axis=-1)
        return self.bend.points(flat.reshape(-1, 3)).reshape(flat.shape)[..., :2]


def random_roads(random: np.random.Generator, arm_m: float) -> Roads:
    """A bent road, or a crossing of three or four arms."""
    arms = int(random.choice([2, 3, 4], p=[0.3, 0.25, 0.45]))
    skew = random.normal(0.0, 0.12, 4)
    arms_rad = np.array([0.0, np.pi, np.pi / 2.0, -np.pi / 2.0])[:arms] + skew[:arms]
    lanes, lane_m = int(random.choice([1, 2])), float(random.uniform(3.1, 3.7))
    bend = random_bend(random.uniform(0.0, 6.0), 0.0, (120.0, 320.0), random)
    # Each arm has its own green phase; otherwise two opposite arms share one, and nobody turns left
    protected = bool(random.random() < 0.5)
    lines, phases, innermost = [], [], []
    for start in range(arms):
        for end in range(arms):
            turn = float(wrapped(np.asarray(arms_rad[end] - arms_rad[start] - np.pi)))
            ahead, left = abs(turn) < 0.7, turn >= 0.7
            if start == end or (left and not protected):
                continue
            for lane in range(lanes) if ahead else [0 if left else lanes - 1]:
                corners = _corners(arms_rad[start], arms_rad[end], (lane + 0.5) * lane_m, arm_m)
                lines.append(_resampled(bend.points(_rounded(corners, left, ahead, random))))
                phases.append(start if protected else start // 2)
                innermost.append(lane == 0)
    count = min(len(line) for line in lines)
    points = np.stack([line[:count] for line in lines])
    headings = np.unwrap(np.arctan2(*np.moveaxis(np.gradient(points, axis=1), -1, 0)[::-1]), axis=1)
    radius = np.linalg.norm(points, axis=2)
    approaching = np.arange(count) < radius.argmin(axis=1)[:, None]
    stop_lines = np.where(approaching, np.abs(radius - CROSSING_M), np.inf).argmin(axis=1) * POINT_M
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


def _corners(start_rad: float, end_rad: float, right_m: float, arm_m: float) -> Array:
    """Corners (K,2) of a route in on one arm and out on another, `right_m` to the right of the centre lines."""
    inwards = -np.array([np.cos(start_rad), np.sin(start_rad)])
    outwards = np.array([np.cos(end_rad), np.sin(end_rad)])
    entry = right_m * np.array([inwards[1], -inwards[0]])
    leave = right_m * np.array([outwards[1], -outwards[0]])
    cross = inwards[0] * outwards[1] - inwards[1] * outwards[0]
    corners = [entry - arm_m * inwards]
    if abs(cross) > 0.6:
        apart = leave - entry
        corners.append(entry + (apart[0] * outwards[1] - apart[1] * outwards[0]) / cross * inwards)
    else:
        corners += [entry - 8.0 * inwards, leave + 8.0 * outwards]
    return np.array([*corners, leave + (arm_m + BEYOND_M) * outwards])


def _rounded(corners: Array, left: bool, ahead: bool, random: np.random.Generator) -> Array:
    """A line (N,3) along corners (K,2) whose curvature changes smoothly; its smallest radius is 0.9 sigma."""
    sigma_m = random.uniform(8.0, 12.0) if left or ahead else random.uniform(5.5, 9.0)
    smooth = gaussian_filter1d(densified(corners, POINT_M), sigma_m / POINT_M, axis=0, mode="nearest")
    return np.column_stack([smooth, np.zeros(len(smooth))])


def _resampled(points: Array) -> Array:
    """Points (M,2) at equal distances along a line (N,3)."""
    distance = distances_along(points[:, :2])
    at = np.arange(0.0, distance[-1], POINT_M)
    return np.column_stack([np.interp(at, distance, points[:, axis]) for axis in (0, 1)])
