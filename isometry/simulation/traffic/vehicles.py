"""Cars and cyclists on routes: car following, traffic lights, turns, stops and lane changes.

Car following is the intelligent driver model of Treiber, Hennecke and Helbing, "Congested traffic states in empirical
observations and microscopic simulations" (2000). The leader is the nearest obstacle on the vehicle's path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.simulation.traffic.roads import CROSSING_M, POINT_M, Roads

LOOK_AHEAD_POINTS = 32  # of its path at which a vehicle looks for obstacles
SIDE_MARGIN_M, STANDSTILL_GAP_M, TIME_HEADWAY_S = 0.3, 2.0, 1.2
MAX_BRAKING, MAX_LATERAL_ACCELERATION = 7.0, 2.2  # metres a second squared
ACTUATION_LAG_S = 0.3  # from the driver's command to the vehicle's acceleration


@dataclass(frozen=True)
class Obstacles:
    """M upright boxes on the ground plane, to be avoided."""

    centres: Array  # (M,2) metres
    headings: Array  # (M,) radians
    sizes: Array  # (M,2) length and width in metres
    velocities: Array  # (M,2) metres a second

    def together(self, others: Obstacles) -> Obstacles:
        """These obstacles, followed by others."""
        return Obstacles(
            np.vstack([self.centres, others.centres]),
            np.concatenate([self.headings, others.headings]),
            np.vstack([self.sizes, others.sizes]),
            np.vstack([self.velocities, others.velocities]),
        )


class Vehicles:
    """V cars and cyclists: active ones, ones that wait to enter the simulated area, and ones that have left it."""

    def __init__(self, roads: Roads, cars: int, cyclists: int, random: np.random.Generator) -> None:
        self.roads, self.random = roads, random
        count = cars + cyclists
        self.cyclist = np.arange(count) >= cars
        self.route = random.integers(0, len(roads.points), count)
        size = random.normal([4.2, 1.75, 1.55], [0.4, 0.1, 0.1], (count, 3))
        long = (random.random(count) < 0.12) & ~self.cyclist
        size[long] = random.uniform([5.0, 1.9, 2.0], [9.0, 2.4, 3.2], (int(long.sum()), 3))
        size[self.cyclist] = random.normal([1.75, 0.6, 1.75], 0.05, (int(self.cyclist.sum()), 3))
        self.size = size
        speed_limit = random.choice([8.5, 11.0, 14.0, 19.0, 25.0], p=[0.25, 0.25, 0.3, 0.1, 0.1])
        self.desired_mps = np.where(
            self.cyclist, random.uniform(2.5, 7.5, count), speed_limit * random.uniform(0.75, 1.1, count)
        )
        self.max_acceleration = random.uniform(0.8, 2.2, count) * np.where(self.cyclist, 0.5, 1.0)
        self.comfortable_braking = random.uniform(1.2, 2.8, count)
        radius = np.linalg.norm(roads.points, axis=2)
        inside = radius <= roads.arm_m
        self.start_m = POINT_M * inside.argmax(axis=1)[self.route]
        self.end_m = POINT_M * (inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1))[self.route]
        right = roads.lanes - 1
        # A cyclist keeps to the right edge of its side of the road, whichever lane its route is for
        inner = roads.innermost[self.route] & (right > 0)
        # Lateral offsets from the route are positive to the left
        self.target_offset_m = np.where(self.cyclist, -0.5 * roads.lane_m - 0.1 - inner * roads.lane_m, 0.0)
        self.offset_m, self.offset_rate = self.target_offset_m.copy(), np.zeros(count)
        self.can_change = ~self.cyclist & (roads.lanes == 2)
        self.other_lane_m = np.where(roads.innermost[self.route], -roads.lane_m, roads.lane_m)
        self.distance_m = self.start_m + random.uniform(0.0, 1.0, count) * (self.end_m - self.start_m)
        self.speed = self.desired_mps * random.uniform(0.6, 1.0, count)
        self.acceleration = np.zeros(count)
        self.driver_noise = random.normal(0.0, 1.0, count)  # an Ornstein-Uhlenbeck process of unit variance
        stops = random.random(count) < 0.15  # pulls up once for a while
        self.stop_m = np.where(stops, random.uniform(self.start_m, self.end_m), np.inf)
        self.stop_s = random.uniform(2.0, 12.0, count)
        self.active = random.random(count) < 0.65
        self.left_area = np.zeros(count, bool)
        self._clear_initial_positions()

    def _clear_initial_positions(self) -> None:
        """A vehicle that would start within the crossing or too near to another one waits outside instead."""
        centres, _, _ = self.states()
        stop_line = self.roads.stop_lines_m[self.route]
        self.active &= (self.distance_m < stop_line - 5.0) | (self.distance_m > stop_line + 2.5 * CROSSING_M)
        for k in np.flatnonzero(self.active):
            others = np.flatnonzero(self.active[:k])
            apart = np.linalg.norm(centres[others] - centres[k], axis=1)
            if (apart < 4.0 + 0.5 * (self.size[others, 0] + self.size[k, 0])).any():
                self.active[k] = False
        waiting = ~self.active
        self.distance_m[waiting] = self.start_m[waiting]

    def states(self) -> tuple[Array, Array, Array]:
        """Centres (V,2), headings (V,), velocities (V,2)."""
        centres, heading, _ = self.roads.sample(self.route, self.distance_m, self.offset_m)
        heading = heading + np.arctan2(self.offset_rate, np.maximum(self.speed, 1.0))
        return centres, heading, self.speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)

    def step(self, time_s: float, step_s: float, others: Obstacles) -> None:
        """Advance by one step; `others` are the pedestrians and the parked cars."""
        centres, heading, velocity = self.states()
        active = np.flatnonzero(self.active)
        own = Obstacles(centres[active], heading[active], self.size[active, :2], velocity[active])
        obstacles = own.together(others)
        self._change_lanes(active, centres, heading, step_s)
        command = self._commanded_accelerations(active, obstacles, time_s)
        change = (command - self.acceleration[active]) * min(step_s / ACTUATION_LAG_S, 1.0)
        self.acceleration[active] += change
        before = self.speed[active]
        self.speed[active] = np.maximum(before + self.acceleration[active] * step_s, 0.0)
        self.acceleration[active] = (self.speed[active] - before) / step_s
        _, _, curvature = self.roads.sample(self.route[active], self.distance_m[active], self.offset_m[active])
        stretch = np.maximum(1.0 - curvature * self.offset_m[active], 0.5)  # the outside of a bend is longer
        self.distance_m[active] += 0.5 * (before + self.speed[active]) * step_s / stretch
        self._move_laterally(active, step_s)
        self.driver_noise += -0.15 * self.driver_noise * step_s + np.sqrt(0.3 * step_s) * self.random.normal(
            size=len(self.driver_noise)
        )
        stopped = (np.abs(self.stop_m - self.distance_m) < 4.0) & (self.speed < 0.2)
        self.stop_s[stopped] -= step_s
        self.stop_m[self.stop_s <= 0.0] = np.inf
        at_end = self.active & (self.distance_m >= self.end_m)
        self.active &= ~at_end
        self.left_area |= at_end
        self._enter_area(obstacles)

    def _move_laterally(self, active: NDArray[np.int64], step_s: float) -> None:
        """Towards the target offset, as a damped spring, and only while driving."""
        target = self.target_offset_m[active] + np.where(self.cyclist[active], 0.15, 0.12) * self.driver_noise[active]
        moving = np.minimum(self.speed[active] / 6.0, 1.0)
        force = 0.8 * (target - self.offset_m[active]) - 1.8 * self.offset_rate[active]
        rate = self.offset_rate[active] + force * step_s
        self.offset_rate[active] = rate * np.where(moving > 0.05, 1.0, 0.0)
        self.offset_m[active] += self.offset_rate[active] * moving * step_s

    def _change_lanes(self, active: NDArray[np.int64], centres: Array, heading: Array, step_s: float) -> None:
        """At random times, where the other lane of the same direction is free and the crossing is far away."""
        drawn = self.random.random(len(self.route)) < 0.12 * step_s
        for k in active[(drawn & self.can_change)[active]]:
            stop_line = self.roads.stop_lines_m[self.route[k]]
            distance = self.distance_m[k]
            if self.speed[k] < 4.0 or stop_line - 5.0 * self.speed[k] < distance < stop_line + 3.0 * CROSSING_M:
                continue
            target = 0.0 if self.target_offset_m[k] != 0.0 else self.other_lane_m[k]
            relative = (centres[active] - centres[k]) @ rotations(heading[k])
            in_target_lane = np.abs(relative[:, 1] - (target - self.offset_m[k])) < 2.2
            if not (in_target_lane & (np.abs(relative[:, 0]) < 8.0 + 1.2 * self.speed[k])).any():
                self.target_offset_m[k] = target

    def _commanded_accelerations(self, active: NDArray[np.int64], obstacles: Obstacles, time_s: float) -> Array:
        """Accelerations (H,) of the intelligent driver model, of the H active vehicles."""
        speed, half = self.speed[active], 0.5 * self.size[active, 0]
        reach = np.maximum(18.0, 4.0 * speed + 10.0)
        ahead = half[:, None] + reach[:, None] * np.linspace(0.0, 1.0, LOOK_AHEAD_POINTS)
        routes = np.broadcast_to(self.route[active, None], ahead.shape)
        # The path leads to the target lane within about two seconds
        share = np.clip(ahead / np.maximum(2.5 * speed, 4.0)[:, None], 0.0, 1.0)
        offset = self.offset_m[active, None] + share * (self.target_offset_m[active] - self.offset_m[active])[:, None]
        path, heading, curvature = self.roads.sample(routes, self.distance_m[active, None] + ahead, offset)
        gap, leader = _first_obstacle(path, heading, ahead - half[:, None], self.size[active, 1], obstacles)
        desired = self.desired_mps[active] * (1.0 + 0.08 * self.driver_noise[active])
        bend = np.sqrt(MAX_LATERAL_ACCELERATION / (np.abs(curvature) + 1e-4))
        braking = self.comfortable_braking[active, None]
        in_bends = np.sqrt(np.square(bend) + 2.0 * braking * 0.7 * ahead).min(axis=1)
        desired = np.maximum(np.minimum(desired, in_bends), 1.0)
        # A red light or a planned stop is a leader at rest
        to_line = self.roads.stop_lines_m[self.route[active]] - self.distance_m[active] - half
        can_stop = to_line > np.square(speed) / (2.0 * 3.5)
        red = ~self.roads.green(self.route[active], time_s) & (to_line > -1.0) & can_stop
        to_stop = self.stop_m[active] - self.distance_m[active] + STANDSTILL_GAP_M
        can_stop_there = (to_stop - STANDSTILL_GAP_M > np.square(speed) / (2.0 * 2.5)) | (speed < 3.0)
        stopping = (to_stop > 0.0) & can_stop_there
        for blocked, distance in ((red, to_line + STANDSTILL_GAP_M - 0.5), (stopping, to_stop)):
            nearer = blocked & (distance < gap)
            gap, leader = np.where(nearer, distance, gap), np.where(nearer, 0.0, leader)
        acceleration = self.max_acceleration[active]
        dynamic = speed * TIME_HEADWAY_S + speed * (speed - leader) / (
            2.0 * np.sqrt(acceleration * self.comfortable_braking[active])
        )
        desired_gap = STANDSTILL_GAP_M + np.maximum(0.0, dynamic)
        free_road = np.maximum(1.0 - (speed / desired) ** 4, -2.0)  # to be too fast is no emergency
        command = acceleration * (free_road - np.square(desired_gap / np.maximum(gap, 0.1)))
        return np.asarray(np.clip(command, -MAX_BRAKING, acceleration))

    def _enter_area(self, obstacles: Obstacles) -> None:
        """Waiting vehicles enter, at random times, where the first metres of their route are free."""
        waiting = np.flatnonzero(~self.active & ~self.left_area)
        for k in waiting[self.random.random(len(waiting)) < 0.03]:
            centre, _, _ = self.roads.sample(
                self.route[k : k + 1], self.distance_m[k : k + 1], self.offset_m[k : k + 1]
            )
            clear = np.linalg.norm(obstacles.centres - centre[0], axis=1) > 10.0 + 2.0 * self.desired_mps[k]
            if clear.all() and not self.active[waiting][self.distance_m[waiting] == self.distance_m[k]].any():
                self.active[k], self.speed[k] = True, 0.9 * self.desired_mps[k]


def _first_obstacle(
    path: Array, heading: Array, gaps: Array, widths: Array, obstacles: Obstacles
) -> tuple[Array, Array]:
    """Gap (H,) in metres to the first obstacle on a path (H,K,2), and the obstacle's speed (H,) along the path.

    `heading` (H,K) and `gaps` (H,K) belong to the path's points. Without an obstacle the gap is infinite, the speed 0.
    """
    c, s = np.cos(obstacles.headings), np.sin(obstacles.headings)
    offset = path[:, :, None] - obstacles.centres  # (H,K,M,2)
    along, across = offset[..., 0] * c + offset[..., 1] * s, offset[..., 1] * c - offset[..., 0] * s
    margin = (0.5 * widths + SIDE_MARGIN_M)[:, None, None]
    hit = (np.abs(along) < 0.5 * obstacles.sizes[:, 0] + margin) & (
        np.abs(across) < 0.5 * obstacles.sizes[:, 1] + margin
    )
    rows = np.arange(len(path))
    hit[rows, :, rows] = False  # the first H obstacles are the vehicles themselves
    blocked = hit.any(axis=(1, 2))
    k = hit.any(axis=2).argmax(axis=1)
    direction = np.stack([np.cos(heading), np.sin(heading)], axis=-1)[rows, k]  # (H,2)
    speeds = np.where(hit[rows, k], direction @ obstacles.velocities.T, np.inf).min(axis=1)
    return np.where(blocked, gaps[rows, k], np.inf), np.where(blocked, np.maximum(speeds, 0.0), 0.0)
