"""Seeded traffic at a crossing: cars that follow, brake, stop, start and turn, parked ones, cyclists, people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry.planar import wrapped
from isometry.simulation.traffic.pedestrians import Pedestrians
from isometry.simulation.traffic.roads import NEAR_M, Roads, random_roads
from isometry.simulation.traffic.vehicles import Obstacles, Vehicles

WARM_UP_S = 4.0  # before the first moment, so that nothing begins in a state that would not come about
LONGEST_STEP_S = 0.1


@dataclass(frozen=True)
class Traffic:
    """A objects and the own vehicle, which is not among them, at T moments. World frame, z = 0 on the ground."""

    times_s: Array  # (T,) from 0
    boxes: Array  # (T,A,7) as `isometry.tracking.types.BOX` says; NaN while an object is absent
    labels: tuple[str, ...]  # (A,) car, cyclist, pedestrian
    own_poses: Array  # (T,3) x, y, yaw of the middle of the own vehicle
    own_size: Array  # (3,) length, width, height


def simulate_traffic(
    random: np.random.Generator,
    duration_s: float,
    rate_hz: float = 10.0,
    cars: int = 18,
    cyclists: int = 3,
    pedestrians: int = 12,
    parked: int = 10,
    arm_m: float = 90.0,
) -> Traffic:
    """Traffic within `arm_m` of a crossing. The counts are the highest that are drawn; at least one car drives.

    One scene in two is mirrored, so that traffic keeps to the left in it. Raises ValueError when duration or rate are
    not above zero.
    """
    if not (duration_s > 0.0 and rate_hz > 0.0):
        raise ValueError(f"traffic of {duration_s} s at {rate_hz} Hz: both must be above zero")
    roads = random_roads(random, arm_m)
    own = 0
    vehicles = Vehicles(roads, 1 + int(random.integers(0, cars + 1)), int(random.integers(0, cyclists + 1)), random)
    _put_own_first(vehicles, own)
    crowd = int(pedestrians * random.random()) if random.random() < 0.3 else 0
    people = Pedestrians(roads, int(random.integers(0, pedestrians + 1)), crowd, random)
    standing, standing_height = _parked(roads, int(random.integers(0, parked + 1)), random)
    substeps = int(np.ceil(1.0 / (rate_hz * LONGEST_STEP_S) - 1e-9))
    step_s = 1.0 / (rate_hz * substeps)
    before = int(np.ceil(WARM_UP_S / step_s))
    moments = int(np.floor(duration_s * rate_hz + 1e-9)) + 1
    time_s, frames, poses = float(random.uniform(0.0, 60.0)), [], []
    for k in range(before + (moments - 1) * substeps + 1):
        if k >= before and (k - before) % substeps == 0:
            at, heading, _ = vehicles.places()
            poses.append([*at[own], heading[own]])
            frames.append(_boxes(vehicles, people, standing, standing_height, own))
        _step(vehicles, people, standing, time_s, step_s, own)
        time_s += step_s
    boxes, own_poses = np.stack(frames), np.array(poses)
    kinds = ["cyclist" if each else "car" for each in np.delete(vehicles.cyclist, own)]
    labels = np.array(kinds + ["pedestrian"] * len(people.size) + ["car"] * len(standing_height))
    if random.random() < 0.5:
        boxes[..., [1, 6]] *= -1.0
        own_poses[:, 1:] *= -1.0
    boxes[..., 6], own_poses[:, 2] = wrapped(boxes[..., 6]), wrapped(own_poses[:, 2])
    seen = np.isfinite(boxes[..., 0]).any(axis=0)
    times_s = np.arange(moments) / rate_hz
    return Traffic(times_s, boxes[:, seen], tuple(labels[seen].tolist()), own_poses, vehicles.size[own])


def _put_own_first(vehicles: Vehicles, own: int) -> None:
    """The own car is inside from the beginning, and its route goes on beyond what is simulated."""
    if not vehicles.inside[own]:
        vehicles.inside[own] = True
        at, _, _ = vehicles.places()
        near = np.linalg.norm(at - at[own], axis=1) < 12.0
        near[own] = False
        vehicles.inside[near] = False
        vehicles.along[near] = vehicles.start_m[near]
    vehicles.end_m[own] = np.inf


def _step(vehicles: Vehicles, people: Pedestrians, standing: Obstacles, time_s: float, step_s: float, own: int) -> None:
    """Everybody moves by one step, on what all could see before it."""
    at, heading, velocity = vehicles.places()
    here = vehicles.inside
    cars = Obstacles(
        np.vstack([at[here], standing.centres]),
        np.concatenate([heading[here], standing.headings]),
        np.vstack([vehicles.size[here, :2], standing.sizes]),
        np.vstack([velocity[here], standing.velocities]),
    )
    walking = people.obstacles()
    walls = Obstacles(
        np.vstack([walking.centres, standing.centres]),
        np.concatenate([walking.headings, standing.headings]),
        np.vstack([walking.sizes, standing.sizes]),
        np.vstack([walking.velocities, standing.velocities]),
    )
    people.step(step_s, cars)
    vehicles.step(time_s, step_s, walls)


def _parked(roads: Roads, count: int, random: np.random.Generator) -> tuple[Obstacles, Array]:
    """Cars that stand along the roads, and their heights."""
    centres, headings, sizes = np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3))
    for _ in range(count):
        arm, side = int(random.integers(len(roads.arms_rad))), float(random.choice([-1.0, 1.0]))
        out = random.uniform(NEAR_M + 6.0, roads.arm_m)
        size = np.array([random.normal(4.2, 0.4), random.normal(1.75, 0.1), random.normal(1.55, 0.1)])
        aside = side * (roads.half_width_m + 0.5 * size[1] + 0.3)
        before, at, after = roads.on_arm(arm, out + np.array([-0.5, 0.0, 0.5]), aside)
        if (np.linalg.norm(centres - at, axis=1) < 6.5).any():
            continue
        along = (after - before) * -side
        centres = np.vstack([centres, at])
        headings = np.append(headings, np.arctan2(along[1], along[0]) + random.normal(0.0, 0.03))
        sizes = np.vstack([sizes, size])
    return Obstacles(centres, headings, sizes[:, :2], np.zeros_like(centres)), sizes[:, 2]


def _boxes(vehicles: Vehicles, people: Pedestrians, standing: Obstacles, heights: Array, own: int) -> Array:
    """All but the own vehicle (A,7), whether they are there or not."""
    at, heading, _ = vehicles.places()
    groups = (
        (at, vehicles.size, heading, vehicles.inside),
        (people.at, people.size, people.heading, people.inside),
        (standing.centres, np.column_stack([standing.sizes, heights]), standing.headings, np.ones(len(heights), bool)),
    )
    rows = [
        np.where(there[:, None], np.column_stack([place, 0.5 * size[:, 2], size, yaw]), np.nan)
        for place, size, yaw, there in groups
    ]
    return np.delete(np.vstack(rows), own, axis=0)
