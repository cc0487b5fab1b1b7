"""People who walk along roads, stop, cross when no car comes, and keep out of each other's way.

Avoiding is the social force model (Helbing and Molnar, "Social force model for pedestrian dynamics", 1995).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.traffic.roads import NEAR_M, Roads
from isometry.simulation.traffic.vehicles import Obstacles

REACHED_M = 0.6
RELAXATION_S = 0.5
MOST_ACCELERATION = 2.5  # metres a second squared
LOOK_S = 7.0  # how far ahead one looks for cars before one steps onto the road


class Pedestrians:
    """P people on ways of W points each; whoever has arrived is gone."""

    def __init__(self, roads: Roads, count: int, crowd: int, random: np.random.Generator) -> None:
        """`count` along the roads, and a `crowd` that walks about beside them."""
        self.random = random
        crowded_at = roads.on_arm(0, 0.5 * roads.arm_m, roads.half_width_m + 24.0)
        ways = [_along_roads(roads, random) for _ in range(count)]
        ways += [_about(crowded_at, random) for _ in range(crowd)]
        self.ways = np.stack([way for way, _ in ways]) if ways else np.zeros((0, 1, 2))
        self.kerbs = np.stack([kerb for _, kerb in ways]) if ways else np.zeros((0, 1), bool)
        number = len(self.ways)
        self.pauses_s = np.where(random.random(self.kerbs.shape) < 0.2, random.exponential(4.0, self.kerbs.shape), 0.0)
        self.aim = np.ones(number, np.int64)
        self.inside = np.ones(number, bool)
        self.size = np.clip(random.normal([0.7, 0.6, 1.72], [0.12, 0.08, 0.1], (number, 3)), 0.4, 2.0)
        self.wanted_mps = np.clip(random.normal(1.3, 0.25, number), 0.6, 2.2)
        self.at = self.ways[:, 0] + random.normal(0.0, 0.2, (number, 2))
        way = self.ways[:, min(1, self.ways.shape[1] - 1)] - self.at
        self.heading = np.arctan2(way[:, 1], way[:, 0])
        self.velocity = self.wanted_mps[:, None] * np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)

    def step(self, step_s: float, cars: Obstacles) -> None:
        """Move on by one step among cars."""
        here = np.flatnonzero(self.inside)
        if len(here) == 0:
            return
        self._choose_aims(here, step_s, cars)
        here = np.flatnonzero(self.inside)
        towards = self.ways[here, self.aim[here]] - self.at[here]
        distance = np.linalg.norm(towards, axis=1)
        standing = self._standing(here)
        wanted = np.where(standing, 0.0, self.wanted_mps[here])
        push = (wanted / np.maximum(distance, 1e-6))[:, None] * towards - self.velocity[here]
        push = push / RELAXATION_S + self._avoid(here, cars) * ~standing[:, None]
        push += self.random.normal(0.0, 0.3, push.shape) * ~standing[:, None]
        size = np.linalg.norm(push, axis=1, keepdims=True)
        push *= np.minimum(1.0, MOST_ACCELERATION / np.maximum(size, 1e-6))
        self.velocity[here] += push * step_s
        self.at[here] += self.velocity[here] * step_s
        speed = np.linalg.norm(self.velocity[here], axis=1)
        turn = np.arctan2(self.velocity[here, 1], self.velocity[here, 0]) - self.heading[here]
        turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
        self.heading[here] += np.where(speed > 0.2, np.clip(turn, -3.0 * step_s, 3.0 * step_s), 0.0)

    def obstacles(self) -> Obstacles:
        """All who are there."""
        here = self.inside
        return Obstacles(self.at[here], self.heading[here], self.size[here, :2], self.velocity[here])

    def _standing(self, here: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Who pauses at the point of its way that it has reached, which is the one before its aim."""
        return np.asarray(self.pauses_s[here, self.aim[here] - 1] > 0.0)

    def _choose_aims(self, here: NDArray[np.int64], step_s: float, cars: Obstacles) -> None:
        self.pauses_s[here, self.aim[here] - 1] -= step_s
        reached = np.linalg.norm(self.ways[here, self.aim[here]] - self.at[here], axis=1) < REACHED_M
        for k in here[reached]:
            if self.aim[k] + 1 == self.ways.shape[1]:
                self.inside[k] = False
                continue
            self.aim[k] += 1
        for k in here[self.kerbs[here, self.aim[here] - 1] & self.inside[here]]:
            start, end = self.ways[k, self.aim[k] - 1], self.ways[k, self.aim[k]]
            if np.linalg.norm(self.at[k] - start) > 1.2:
                continue  # on the road already
            if _car_comes(start, end, self.wanted_mps[k], cars):
                self.pauses_s[k, self.aim[k] - 1] = max(self.pauses_s[k, self.aim[k] - 1], 0.3)

    def _avoid(self, here: NDArray[np.int64], cars: Obstacles) -> Array:
        """Acceleration (H,2) away from others and from cars."""
        apart = self.at[here, None] - self.at[None, here]
        distance = np.linalg.norm(apart, axis=2) + np.eye(len(here)) * 1e3 + 1e-6
        # Ahead counts more than behind
        heading = np.stack([np.cos(self.heading[here]), np.sin(self.heading[here])], axis=1)
        seen = 0.65 - 0.35 * np.einsum("hmx,hx->hm", apart, heading) / distance
        push = (3.0 * seen * np.exp((0.7 - distance) / 0.4) / distance)[..., None] * apart
        total: Array = push.sum(axis=1)
        if len(cars.centres):
            c, s = np.cos(cars.headings), np.sin(cars.headings)
            offset = self.at[here, None] - cars.centres
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
    """Whether a car that keeps its velocity meets someone who walks from start to end (2,) now."""
    moving = np.linalg.norm(cars.velocities, axis=1) > 0.3
    if not moving.any():
        return False
    times = np.linspace(0.0, LOOK_S, 21)
    places = cars.centres[moving, None] + times[:, None] * cars.velocities[moving, None]  # (C,21,2)
    way = end - start
    share = np.clip((places - start) @ way / (way @ way), 0.0, 1.0)
    near = np.linalg.norm(start + share[..., None] * way - places, axis=2) < 5.0
    return bool((near & (times < 1.5 + np.linalg.norm(way) / walk_mps)).any())


def _along_roads(roads: Roads, random: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """A way (8,2) along the pavement, over the road and back, and from which of its points one steps onto it (8,)."""
    arm = int(random.integers(len(roads.arms_rad)))
    side = float(random.choice([-1.0, 1.0]))
    out = random.uniform(NEAR_M, 0.8 * roads.arm_m)
    direction = float(random.choice([-1.0, 1.0]))
    aside = roads.half_width_m + random.uniform(1.8, 4.0)
    points, kerbs = [], []
    for _ in range(8):
        points.append(roads.on_arm(arm, out, side * aside))
        crosses = bool(random.random() < 0.3)
        kerbs.append(crosses)
        if crosses:
            side = -side
            out += random.normal(0.0, 0.5)
            continue
        out += direction * random.uniform(6.0, 25.0)
        if not NEAR_M < out < roads.arm_m:
            direction = -direction
            out = float(np.clip(out, NEAR_M, roads.arm_m))
    return np.stack(points), np.array(kerbs)


def _about(centre: Array, random: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """A way (8,2) from place to place around a centre (2,); nothing there is a road."""
    return centre + random.uniform(-18.0, 18.0, (8, 2)), np.zeros(8, bool)
