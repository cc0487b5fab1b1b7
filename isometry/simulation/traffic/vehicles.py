"""Cars and cyclists on routes: they follow, brake, stop, turn and change lanes.

Driving along a route is Treiber's intelligent driver model (Treiber, Hennecke and Helbing, "Congested traffic states in
empirical observations and microscopic simulations", 2000), whose leader is whatever stands first in the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.simulation.traffic.roads import NEAR_M, POINT_M, Roads

Mask = NDArray[np.bool_]

AHEAD = 32  # points of its way at which a driver looks
SIDE_MARGIN_M, STOP_GAP_M, HEADWAY_S = 0.3, 2.0, 1.2
MOST_BRAKING, MOST_SIDEWAYS = 7.0, 2.2  # metres a second squared
LAG_S = 0.3  # until the car does what its driver wants


@dataclass(frozen=True)
class Obstacles:
    """Upright boxes (M) on the plan that drivers see."""

    centres: Array  # (M,2)
    headings: Array  # (M,)
    sizes: Array  # (M,2) length and width
    velocities: Array  # (M,2)


class Vehicles:
    """V cars and cyclists; some wait for their turn to enter, and some have left."""

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
        limit = random.choice([8.5, 11.0, 14.0, 19.0, 25.0], p=[0.25, 0.25, 0.3, 0.1, 0.1])
        self.wanted_mps = np.where(
            self.cyclist, random.uniform(2.5, 7.5, count), limit * random.uniform(0.75, 1.1, count)
        )
        self.hurry = random.uniform(0.8, 2.2, count) * np.where(self.cyclist, 0.5, 1.0)  # most acceleration
        self.calm = random.uniform(1.2, 2.8, count)  # comfortable braking
        distances = np.linalg.norm(roads.points, axis=2)
        inside = distances <= roads.arm_m
        self.start_m = POINT_M * inside.argmax(axis=1)[self.route]
        self.end_m = POINT_M * (inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1))[self.route]
        right = roads.lanes - 1
        # A cyclist keeps to the right edge of its route's side, whatever the lane that the route is for
        inner = roads.innermost[self.route] & (right > 0)
        self.lane_aside = np.where(self.cyclist, -0.5 * roads.lane_m - 0.1 - inner * roads.lane_m, 0.0)
        self.aside, self.aside_rate = self.lane_aside.copy(), np.zeros(count)
        self.can_change = ~self.cyclist & (roads.lanes == 2)
        self.other_lane = np.where(roads.innermost[self.route], -roads.lane_m, roads.lane_m)
        self.along = self.start_m + random.uniform(0.0, 1.0, count) * (self.end_m - self.start_m)
        self.speed = self.wanted_mps * random.uniform(0.6, 1.0, count)
        self.acceleration = np.zeros(count)
        self.mood = random.normal(0.0, 1.0, count)
        halting = random.random(count) < 0.15  # pulls up somewhere for a while
        self.halt_m = np.where(halting, random.uniform(self.start_m, self.end_m), np.inf)
        self.halt_s = random.uniform(2.0, 12.0, count)
        self.inside = random.random(count) < 0.65
        self.gone = np.zeros(count, bool)
        self._clear_first_places()

    def _clear_first_places(self) -> None:
        """Who would begin in the crossing or too near to another waits outside instead."""
        at, _, _ = self.places()
        stop = self.roads.stop_lines_m[self.route]
        self.inside &= (self.along < stop - 5.0) | (self.along > stop + 2.5 * NEAR_M)
        for k in np.flatnonzero(self.inside):
            others = np.flatnonzero(self.inside[:k])
            if (
                np.linalg.norm(at[others] - at[k], axis=1) < 4.0 + 0.5 * (self.size[others, 0] + self.size[k, 0])
            ).any():
                self.inside[k] = False
        waiting = ~self.inside
        self.along[waiting] = self.start_m[waiting]

    def places(self) -> tuple[Array, Array, Array]:
        """Centres (V,2), headings (V,), velocities (V,2)."""
        at, heading, _ = self.roads.places(self.route, self.along, self.aside)
        heading = heading + np.arctan2(self.aside_rate, np.maximum(self.speed, 1.0))
        return at, heading, self.speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)

    def step(self, time_s: float, step_s: float, walls: Obstacles) -> None:
        """Move on by one step; `walls` is whatever else stands or walks about."""
        at, heading, velocity = self.places()
        here = np.flatnonzero(self.inside)
        seen = Obstacles(
            np.vstack([at[here], walls.centres]),
            np.concatenate([heading[here], walls.headings]),
            np.vstack([self.size[here, :2], walls.sizes]),
            np.vstack([velocity[here], walls.velocities]),
        )
        self._choose_lanes(here, at, heading, step_s)
        command = self._drive(here, seen, time_s)
        change = (command - self.acceleration[here]) * min(step_s / LAG_S, 1.0)
        self.acceleration[here] += change
        before = self.speed[here]
        self.speed[here] = np.maximum(before + self.acceleration[here] * step_s, 0.0)
        self.acceleration[here] = (self.speed[here] - before) / step_s
        _, _, curvature = self.roads.places(self.route[here], self.along[here], self.aside[here])
        outside = np.maximum(1.0 - curvature * self.aside[here], 0.5)  # of a bend, the way is longer
        self.along[here] += 0.5 * (before + self.speed[here]) * step_s / outside
        self._slide(here, step_s)
        self.mood += -0.15 * self.mood * step_s + np.sqrt(0.3 * step_s) * self.random.normal(size=len(self.mood))
        halted = (np.abs(self.halt_m - self.along) < 4.0) & (self.speed < 0.2)
        self.halt_s[halted] -= step_s
        self.halt_m[self.halt_s <= 0.0] = np.inf
        left = self.inside & (self.along >= self.end_m)
        self.inside &= ~left
        self.gone |= left
        self._enter(seen)

    def _slide(self, here: NDArray[np.int64], step_s: float) -> None:
        """Sideways to the lane that is wanted, like a damped spring, and only while driving."""
        aim = self.lane_aside[here] + np.where(self.cyclist[here], 0.15, 0.12) * self.mood[here]
        moving = np.minimum(self.speed[here] / 6.0, 1.0)
        push = 0.8 * (aim - self.aside[here]) - 1.8 * self.aside_rate[here]
        self.aside_rate[here] = (self.aside_rate[here] + push * step_s) * np.where(moving > 0.05, 1.0, 0.0)
        self.aside[here] += self.aside_rate[here] * moving * step_s

    def _choose_lanes(self, here: NDArray[np.int64], at: Array, heading: Array, step_s: float) -> None:
        """Now and then to the other lane of one's side, where it is free and the crossing far."""
        drawn = self.random.random(len(self.route)) < 0.12 * step_s
        for k in here[(drawn & self.can_change)[here]]:
            stop = self.roads.stop_lines_m[self.route[k]]
            if self.speed[k] < 4.0 or stop - 5.0 * self.speed[k] < self.along[k] < stop + 3.0 * NEAR_M:
                continue
            aim = 0.0 if self.lane_aside[k] != 0.0 else self.other_lane[k]
            offset = (at[here] - at[k]) @ rotations(heading[k])
            beside = np.abs(offset[:, 1] - (aim - self.aside[k])) < 2.2
            if not (beside & (np.abs(offset[:, 0]) < 8.0 + 1.2 * self.speed[k])).any():
                self.lane_aside[k] = aim

    def _drive(self, here: NDArray[np.int64], seen: Obstacles, time_s: float) -> Array:
        """Acceleration (H,) that the drivers want."""
        speed, half = self.speed[here], 0.5 * self.size[here, 0]
        reach = np.maximum(18.0, 4.0 * speed + 10.0)
        ahead = half[:, None] + reach[:, None] * np.linspace(0.0, 1.0, AHEAD)
        routes = np.broadcast_to(self.route[here, None], ahead.shape)
        # The way leads over to the lane that is wanted within some two seconds
        share = np.clip(ahead / np.maximum(2.5 * speed, 4.0)[:, None], 0.0, 1.0)
        aside = self.aside[here, None] + share * (self.lane_aside[here] - self.aside[here])[:, None]
        way, heading, curvature = self.roads.places(routes, self.along[here, None] + ahead, aside)
        gap, leader = _first_obstacle(way, heading, ahead - half[:, None], self.size[here, 1], seen)
        wanted = self.wanted_mps[here] * (1.0 + 0.08 * self.mood[here])
        bend = np.sqrt(MOST_SIDEWAYS / (np.abs(curvature) + 1e-4))
        slowest = np.sqrt(np.square(bend) + 2.0 * self.calm[here, None] * 0.7 * ahead).min(axis=1)
        wanted = np.maximum(np.minimum(wanted, slowest), 1.0)
        stop = self.roads.stop_lines_m[self.route[here]] - self.along[here] - half
        can_stop = stop > np.square(speed) / (2.0 * 3.5)
        red = ~self.roads.green(self.route[here], time_s) & (stop > -1.0) & can_stop
        halt = self.halt_m[here] - self.along[here] + STOP_GAP_M
        halting = (halt > 0.0) & ((halt - STOP_GAP_M > np.square(speed) / (2.0 * 2.5)) | (speed < 3.0))
        for blocked, distance in ((red, stop + STOP_GAP_M - 0.5), (halting, halt)):
            nearer = blocked & (distance < gap)
            gap, leader = np.where(nearer, distance, gap), np.where(nearer, 0.0, leader)
        keep = STOP_GAP_M + np.maximum(
            0.0, speed * HEADWAY_S + speed * (speed - leader) / (2.0 * np.sqrt(self.hurry[here] * self.calm[here]))
        )
        free = 1.0 - (speed / wanted) ** 4
        free = np.maximum(free, -2.0)  # too fast is no emergency
        pull = self.hurry[here] * (free - np.square(keep / np.maximum(gap, 0.1)))
        return np.asarray(np.clip(pull, -MOST_BRAKING, self.hurry[here]))

    def _enter(self, seen: Obstacles) -> None:
        """Those who wait enter where the first metres of their way are free."""
        waiting = np.flatnonzero(~self.inside & ~self.gone)
        for k in waiting[self.random.random(len(waiting)) < 0.03]:
            at, _, _ = self.roads.places(self.route[k : k + 1], self.along[k : k + 1], self.aside[k : k + 1])
            clear = np.linalg.norm(seen.centres - at[0], axis=1) > 10.0 + 2.0 * self.wanted_mps[k]
            if clear.all() and not self.inside[waiting][self.along[waiting] == self.along[k]].any():
                self.inside[k], self.speed[k] = True, 0.9 * self.wanted_mps[k]


def _first_obstacle(way: Array, heading: Array, gaps: Array, widths: Array, seen: Obstacles) -> tuple[Array, Array]:
    """Gap (H,) in metres until the first box that stands on a way (H,K,2), and its speed along the way; infinite, 0."""
    c, s = np.cos(seen.headings), np.sin(seen.headings)
    offset = way[:, :, None] - seen.centres  # (H,K,M,2)
    along, across = offset[..., 0] * c + offset[..., 1] * s, offset[..., 1] * c - offset[..., 0] * s
    margin = (0.5 * widths + SIDE_MARGIN_M)[:, None, None]
    # From the middle of one's own front: a box that one stands in oneself begins behind it
    hit = (np.abs(along) < 0.5 * seen.sizes[:, 0] + margin) & (np.abs(across) < 0.5 * seen.sizes[:, 1] + margin)
    own = np.arange(len(way))
    hit[own, :, own] = False
    blocked = hit.any(axis=(1, 2))
    k = hit.any(axis=2).argmax(axis=1)
    towards = np.stack([np.cos(heading), np.sin(heading)], axis=-1)[own, k]  # (H,2)
    speeds = np.where(hit[own, k], towards @ seen.velocities.T, np.inf).min(axis=1)
    return np.where(blocked, gaps[own, k], np.inf), np.where(blocked, np.maximum(speeds, 0.0), 0.0)
