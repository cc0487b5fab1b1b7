"""Pedestrians who walk along roads, pause, cross when no car comes, and avoid each other.

Avoidance is the social force model (Helbing and Molnar, "Social force model for pedestrian dynamics", 1995).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.traffic.roads import CROSSING_M, Roads
from isometry.simulation.traffic.vehicles import Obstacles

REACHED_M = 0.6  # from a waypoint
RELAXATION_S = 0.5
MAX_ACCELERATION = 2.5  # metres a second squared
GAP_S = 7.0  # a pedestrian looks so far ahead for cars before it steps onto the road
WAYPOINTS = 8


class Pedestrians:
    """P pedestrians on paths of W waypoints each. Whoever reaches the last waypoint disappears."""

    def __init__(self, roads: Roads, count: int, crowd: int, random: np.random.Generator) -> None:
        """`count` pedestrians along the roads, and a `crowd` on a square beside them."""
        self.random = random
        square = roads.on_arm(0, 0.5 * roads.arm_m, roads.half_width_m + 24.0)
        paths = [_path_along_roads(roads, random) for _ in range(count)]
        paths += [_path_on_square(square, random) for _ in range(crowd)]
        self.paths = np.stack([path for path, _ in paths]) if paths else np.zeros((0, 1, 2))
        # Whether a pedestrian crosses the road from a waypoint to the next one
        self.crosses = np.stack([crosses for _, crosses in paths]) if paths else np.zeros((0, 1), bool)
        number, shape = len(self.paths), self.crosses.shape
        self.pauses_s = np.where(random.random(shape) < 0.2, random.exponential(4.0, shape), 0.0)
        self.goal = np.ones(number, np.int64)  # the next waypoint
        self.active = np.ones(number, bool)
        self.size = np.clip(random.normal([0.7, 0.6, 1.72], [0.12, 0.08, 0.1], (number, 3)), 0.4, 2.0)
        self.desired_mps = np.clip(random.normal(1.3, 0.25, number), 0.6, 2.2)
        self.positions = self.paths[:, 0] + random.normal(0.0, 0.2, (number, 2))
        towards = self.paths[:, min(1, self.paths.shape[1] - 1)] - self.positions
        self.heading = np.arctan2(towards[:, 1], towards[:, 0])
        self.velocity = self.desired_mps[:, None] * np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)

    def step(self, step_s: float, cars: Obstacles) -> None:
        """Advance by one step among cars."""
        active = np.flatnonzero(self.active)
        if len(active) == 0:
            return
        self._choose_goals(active, step_s, cars)
        active = np.flatnonzero(self.active)
        towards = self.paths[active, self.goal[active]] - self.positions[active]
        distance = np.linalg.norm(towards, axis=1)
        # A pause belongs to the waypoint that was reached last
        pausing = self.pauses_s[active, self.goal[active] - 1] > 0.0
        desired = np.where(pausing, 0.0, self.desired_mps[active])
        force = (desired / np.maximum(distance, 1e-6))[:, None] * towards - self.velocity[active]
        force = force / RELAXATION_S + self._repulsion(active, cars) * ~pausing[:, None]
        force += self.random.normal(0.0, 0.3, force.shape) * ~pausing[:, None]
        size = np.linalg.norm(force, axis=1, keepdims=True)
        force *= np.minimum(1.0, MAX_ACCELERATION / np.maximum(size, 1e-6))
        self.velocity[active] += force * step_s
        self.positions[active] += self.velocity[active] * step_s
        speed = np.linalg.norm(self.velocity[active], axis=1)
        turn = np.arctan2(self.velocity[active, 1], self.velocity[active, 0]) - self.heading[active]
        turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
        self.heading[active] += np.where(speed > 0.2, np.clip(turn, -3.0 * step_s, 3.0 * step_s), 0.0)

    def obstacles(self) -> Obstacles:
        """All active pedestrians."""
        active = self.active
        return Obstacles(self.positions[active], self.heading[active], self.size[active, :2], self.velocity[active])

    def _choose_goals(self, active: NDArray[np.int64], step_s: float, cars: Obstacles) -> None:
        """Move goals that were reached to the next waypoint; pause at the kerb while a car comes."""
        self.pauses_s[active, self.goal[active] - 1] -= step_s
        reached = np.linalg.norm(self.paths[active, self.goal[active]] - self.positions[active], axis=1) < REACHED_M
        for k in active[reached]:
            if self.goal[k] + 1 == self.paths.shape[1]:
                self.active[k] = False
                continue
            self.goal[k] += 1
        for k in active[self.crosses[active, self.goal[active] - 1] & self.active[active]]:
            start, end = self.paths[k, self.goal[k] - 1], self.paths[k, self.goal[k]]
            if np.linalg.norm(self.positions[k] - start) > 1.2:
                continue  # on the road already
            if _car_comes(start, end, self.desired_mps[k], cars):
                self.pauses_s[k, self.goal[k] - 1] = max(self.pauses_s[k, self.goal[k] - 1], 0.3)

    def _repulsion(self, active: NDArray[np.int64], cars: Obstacles) -> Array:
        """Acceleration (H,2) of the H active pedestrians away from each other and from cars."""
        apart = self.positions[active, None] - self.positions[None, active]
        distance = np.linalg.norm(apart, axis=2) + np.eye(len(active)) * 1e3 + 1e-6
        # The model is anisotropic: others ahead count more than those behind
        heading = np.stack([np.cos(self.heading[active]), np.sin(self.heading[active])], axis=1)
        weight = 0.65 - 0.35 * np.einsum("hmx,hx->hm", apart, heading) / distance
        force = (3.0 * weight * np.exp((0.7 - distance) / 0.4) / distance)[..., None] * apart
        total: Array = force.sum(axis=1)
        if len(cars.centres):
            c, s = np.cos(cars.headings), np.sin(cars.headings)
            offset = self.positions[active, None] - cars.centres
            x = offset[..., 0] * c + offset[..., 1] * s
            y = offset[..., 1] * c - offset[..., 0] * s
            out_x = x - np.clip(x, -0.5 * cars.sizes[:, 0], 0.5 * cars.sizes[:, 0])
            out_y = y - np.clip(y, -0.5 * cars.sizes[:, 1], 0.5 * cars.sizes[:, 1])
            gap = np.hypot(out_x, out_y) + 1e-6
            strength = 5.0 * np.exp((0.5 - gap) / 0.3) / gap
            total += np.stack(
                [(strength * (out_x * c - out_y * s)).sum(1), (strength * (out_x * s + out_y * c)).sum(1)], axis=1
            )
        return total


def _car_comes(start: Array, end: Array, walk_mps: float, cars: Obstacles) -> bool:
    """Whether a car at constant velocity comes near a pedestrian who walks from start (2,) to end (2,) now."""
    moving = np.linalg.norm(cars.velocities, axis=1) > 0.3
    if not moving.any():
        return False
    times = np.linspace(0.0, GAP_S, 21)
    positions = cars.centres[moving, None] + times[:, None] * cars.velocities[moving, None]  # (C,21,2)
    walk = end - start
    share = np.clip((positions - start) @ walk / (walk @ walk), 0.0, 1.0)
    near = np.linalg.norm(start + share[..., None] * walk - positions, axis=2) < 5.0
    return bool((near & (times < 1.5 + np.linalg.norm(walk) / walk_mps)).any())


def _path_along_roads(roads: Roads, random: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Waypoints (W,2) along the pavements of an arm, and from which of them (W,) the path crosses the road."""
    arm = int(random.integers(len(roads.arms_rad)))
    side = float(random.choice([-1.0, 1.0]))
    out = random.uniform(CROSSING_M, 0.8 * roads.arm_m)
    direction = float(random.choice([-1.0, 1.0]))
    offset = roads.half_width_m + random.uniform(1.8, 4.0)
    points, crosses = [], []
    for _ in range(WAYPOINTS):
        points.append(roads.on_arm(arm, out, side * offset))
        crosses.append(bool(random.random() < 0.3))
        if crosses[-1]:
            side = -side
            out += random.normal(0.0, 0.5)
            continue
        out += direction * random.uniform(6.0, 25.0)
        if not CROSSING_M < out < roads.arm_m:
            direction = -direction
            out = float(np.clip(out, CROSSING_M, roads.arm_m))
    return np.stack(points), np.array(crosses)


def _path_on_square(centre: Array, random: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Random waypoints (W,2) around a centre (2,), away from all roads, so that none crosses one (W,)."""
    return centre + random.uniform(-18.0, 18.0, (WAYPOINTS, 2)), np.zeros(WAYPOINTS, bool)
