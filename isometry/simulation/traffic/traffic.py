"""Traffic at a crossing, drawn from a seed: cars, cyclists, parked cars and pedestrians around an ego vehicle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry.planar import wrapped
from isometry.simulation.traffic.pedestrians import Pedestrians
from isometry.simulation.traffic.roads import CROSSING_M, Roads, random_roads
from isometry.simulation.traffic.vehicles import Obstacles, Vehicles

WARM_UP_S = 4.0  # simulated before the first moment, so that the initial state is a natural one
MAX_STEP_S = 0.1
ARM_M = 90.0  # of each road, from the crossing, are simulated
MAX_CARS, MAX_CYCLISTS, MAX_PEDESTRIANS, MAX_PARKED = 18, 3, 12, 10  # the numbers are drawn up to these
EGO = 0  # among the vehicles


@dataclass(frozen=True)
class Traffic:
    """A objects, and the ego vehicle beside them, at T moments. World frame, z = 0 on the ground."""

    times_s: Array  # (T,) from 0
    boxes: Array  # (T,A,7) x, y, z of the centre, length, width, height, yaw; NaN while an object is absent
    labels: tuple[str, ...]  # (A,) car, cyclist, pedestrian
    ego_poses: Array  # (T,3) x, y, yaw of the ego vehicle's centre
    ego_size: Array  # (3,) length, width, height


def simulate_traffic(
    random: np.random.Generator, duration_s: float, rate_hz: float = 10.0, parked: int = MAX_PARKED
) -> Traffic:
    """Traffic around a crossing; at least one car drives, and at most `parked` cars are parked.

    In half of all draws the world is mirrored, so that traffic keeps to the left. Raises ValueError when the duration
    or the rate is not above zero.
    """
    if not (duration_s > 0.0 and rate_hz > 0.0):
        raise ValueError(f"traffic of {duration_s} s at {rate_hz} Hz: both must be above zero")
    roads = random_roads(random, ARM_M)
    cars, cyclists = 1 + int(random.integers(0, MAX_CARS + 1)), int(random.integers(0, MAX_CYCLISTS + 1))
    vehicles = Vehicles(roads, cars, cyclists, random)
    _activate_ego(vehicles)
    crowd = int(MAX_PEDESTRIANS * random.random()) if random.random() < 0.3 else 0
    pedestrians = Pedestrians(roads, int(random.integers(0, MAX_PEDESTRIANS + 1)), crowd, random)
    parked_cars, parked_heights = _parked_cars(roads, int(random.integers(0, parked + 1)), random)
    substeps = int(np.ceil(1.0 / (rate_hz * MAX_STEP_S) - 1e-9))
    step_s = 1.0 / (rate_hz * substeps)
    warm_up = int(np.ceil(WARM_UP_S / step_s))
    moments = int(np.floor(duration_s * rate_hz + 1e-9)) + 1
    time_s, frames, poses = float(random.uniform(0.0, 60.0)), [], []
    for k in range(warm_up + (moments - 1) * substeps + 1):
        if k >= warm_up and (k - warm_up) % substeps == 0:
            centres, heading, _ = vehicles.states()
            poses.append([*centres[EGO], heading[EGO]])
            frames.append(_boxes(vehicles, pedestrians, parked_cars, parked_heights))
        _step(vehicles, pedestrians, parked_cars, time_s, step_s)
        time_s += step_s
    boxes, ego_poses = np.stack(frames), np.array(poses)
    wheeled = ["cyclist" if each else "car" for each in np.delete(vehicles.cyclist, EGO)]
    labels = np.array(wheeled + ["pedestrian"] * len(pedestrians.size) + ["car"] * len(parked_heights))
    if random.random() < 0.5:
        boxes[..., [1, 6]] *= -1.0
        ego_poses[:, 1:] *= -1.0
    boxes[..., 6], ego_poses[:, 2] = wrapped(boxes[..., 6]), wrapped(ego_poses[:, 2])
    ever_present = np.isfinite(boxes[..., 0]).any(axis=0)
    times_s = np.arange(moments) / rate_hz
    return Traffic(times_s, boxes[:, ever_present], tuple(labels[ever_present].tolist()), ego_poses, vehicles.size[EGO])


def _activate_ego(vehicles: Vehicles) -> None:
    """The ego vehicle is active from the beginning, and its route goes on beyond the simulated area."""
    if not vehicles.active[EGO]:
        vehicles.active[EGO] = True
        centres, _, _ = vehicles.states()
        near = np.linalg.norm(centres - centres[EGO], axis=1) < 12.0
        near[EGO] = False
        vehicles.active[near] = False
        vehicles.distance_m[near] = vehicles.start_m[near]
    vehicles.end_m[EGO] = np.inf


def _step(vehicles: Vehicles, pedestrians: Pedestrians, parked: Obstacles, time_s: float, step_s: float) -> None:
    """Advance everybody by one step, from what was visible before it."""
    centres, heading, velocity = vehicles.states()
    active = vehicles.active
    driving = Obstacles(centres[active], heading[active], vehicles.size[active, :2], velocity[active])
    others = pedestrians.obstacles().together(parked)
    pedestrians.step(step_s, driving.together(parked))
    vehicles.step(time_s, step_s, others)


def _parked_cars(roads: Roads, count: int, random: np.random.Generator) -> tuple[Obstacles, Array]:
    """At most `count` cars at the sides of the roads, and their heights."""
    centres, headings, sizes = np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3))
    for _ in range(count):
        arm, side = int(random.integers(len(roads.arms_rad))), float(random.choice([-1.0, 1.0]))
        out = random.uniform(CROSSING_M + 6.0, roads.arm_m)
        size = np.array([random.normal(4.2, 0.4), random.normal(1.75, 0.1), random.normal(1.55, 0.1)])
        offset = side * (roads.half_width_m + 0.5 * size[1] + 0.3)
        before, centre, after = roads.on_arm(arm, out + np.array([-0.5, 0.0, 0.5]), offset)
        if (np.linalg.norm(centres - centre, axis=1) < 6.5).any():
            continue
        along = (after - before) * -side
        centres = np.vstack([centres, centre])
        headings = np.append(headings, np.arctan2(along[1], along[0]) + random.normal(0.0, 0.03))
        sizes = np.vstack([sizes, size])
    return Obstacles(centres, headings, sizes[:, :2], np.zeros_like(centres)), sizes[:, 2]


def _boxes(vehicles: Vehicles, pedestrians: Pedestrians, parked: Obstacles, parked_heights: Array) -> Array:
    """Boxes (A,7) of all objects, without the ego vehicle; NaN for those that are not active."""
    centres, heading, _ = vehicles.states()
    parked_sizes = np.column_stack([parked.sizes, parked_heights])
    groups = (
        (centres, vehicles.size, heading, vehicles.active),
        (pedestrians.positions, pedestrians.size, pedestrians.heading, pedestrians.active),
        (parked.centres, parked_sizes, parked.headings, np.ones(len(parked_heights), bool)),
    )
    rows = [
        np.where(active[:, None], np.column_stack([centre, 0.5 * size[:, 2], size, yaw]), np.nan)
        for centre, size, yaw, active in groups
    ]
    return np.delete(np.vstack(rows), EGO, axis=0)
