"""LiDAR scans of simulated traffic from the ego vehicle, with houses, plants and clutter beside the roads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.traffic.traffic import Traffic, simulate_traffic
from isometry.simulation.worlds.shapes import Mesh, boxes, cylinder, joined
from isometry.simulation.worlds.street_side import built_up, clutter, green, vehicle

SENSOR_M = 1.73  # above the ground
LOWEST_M = 0.3  # points lower than this above the ground are taken for ground and left out
RASTER_M = 0.5
CLEARANCE_M = 0.4  # between static surroundings and the area that traffic passes over
MARGIN_M = 60.0  # of the raster around that area


@dataclass(frozen=True)
class TrafficScan:
    """Points of one turn of the sensor above the ground, in the world frame."""

    points: NDArray[np.float32]  # (N,3) metres
    objects: NDArray[np.int16]  # (N,) column of the point's object in `Traffic.boxes`; -1: static surroundings
    T_world_lidar: Array  # (4,4)


@dataclass(frozen=True)
class TrafficDrive:
    """Traffic and the scans of it."""

    traffic: Traffic
    scans: list[TrafficScan]  # one for each moment of the traffic


def random_drive(seed: int, duration_s: float = 5.0) -> TrafficDrive:
    """A drive with random traffic, surroundings and LiDAR, ten scans a second."""
    random = np.random.default_rng([7, seed])
    beams, azimuth_step_deg = int(random.choice([24, 40, 56])), float(random.choice([0.2, 0.3, 0.4]))
    lidar = SpinningLidar(beams=beams, lowest_deg=-18.0, azimuth_step_deg=azimuth_step_deg)
    traffic = simulate_traffic(random, duration_s)
    static = surroundings(traffic, random, int(random.integers(20, 120)))
    return TrafficDrive(traffic, traffic_scans(traffic, static, random, lidar))


def surroundings(traffic: Traffic, random: np.random.Generator, sections: int) -> Mesh:
    """Static surroundings: sections of street sides along the border of the area that traffic ever passes over.

    Single things that would be in the way of the traffic are left out.
    """
    passed, origin = _passed_over(traffic)
    distance = distance_transform_edt(~passed) * RASTER_M
    slope = np.stack(np.gradient(distance), axis=-1)
    border = np.argwhere((distance > 1.0) & (distance < 4.0))
    parts = []
    for row, column in border[random.integers(0, len(border), sections)]:
        away = slope[row, column]
        x, y = origin + RASTER_M * np.array([row, column])
        length = random.uniform(12.0, 35.0)
        side = green if random.random() < 0.4 else built_up
        T_world_side = se3.from_planar(x, y, np.arctan2(-away[0], away[1]))
        for thing in side(length, random) + clutter(length, random):
            placed = joined([thing], T_world_side)
            if _clearance(placed, distance, origin) > CLEARANCE_M:
                parts.append(placed)
    return joined(parts) if parts else boxes(np.ones((1, 3)), np.full((1, 3), -1000.0), np.zeros(1))


def traffic_scans(
    traffic: Traffic, static: Mesh, random: np.random.Generator, lidar: SpinningLidar
) -> list[TrafficScan]:
    """A scan at each moment of the traffic; neither the sensor nor the traffic moves during a scan."""
    static_caster, directions = RayCaster(static), lidar.directions()
    scans = []
    for boxes_now, ego_pose in zip(traffic.boxes, traffic.ego_poses, strict=True):
        T_world_lidar = se3.from_planar(*ego_pose)
        T_world_lidar[2, 3] = SENSOR_M
        beams = directions[random.random(len(directions)) >= lidar.dropped]
        ranges = static_caster.cast(T_world_lidar, beams)["t_hit"].astype(np.float64)
        objects = np.full(len(beams), -1, np.int16)
        present = np.flatnonzero(np.isfinite(boxes_now[:, 0]))
        if len(present):
            object_caster = RayCaster(joined([_shape(traffic.labels[k], boxes_now[k]) for k in present]))
            object_ranges = object_caster.cast(T_world_lidar, beams)["t_hit"].astype(np.float64)
            on_object = object_ranges < ranges
            ranges[on_object] = object_ranges[on_object]
            hits = (beams[on_object] * ranges[on_object, None]) @ T_world_lidar[:3, :3].T + T_world_lidar[:3, 3]
            objects[on_object] = present[_containing_box(hits, boxes_now[present])]
        ranges += random.normal(0.0, lidar.noise_m, len(ranges))
        measured = (ranges > 1.0) & (ranges <= lidar.range_m)
        points = se3.apply(T_world_lidar, beams[measured] * ranges[measured, None])
        above = points[:, 2] > LOWEST_M
        scans.append(TrafficScan(points[above].astype(np.float32), objects[measured][above], T_world_lidar))
    return scans


def _passed_over(traffic: Traffic) -> tuple[NDArray[np.bool_], Array]:
    """Cells (X,Y) that an object or the ego vehicle ever covers, and the position (2,) of the first cell."""
    ego = np.zeros((len(traffic.times_s), 1, 7))
    ego[:, 0, :2], ego[:, 0, 3:6], ego[:, 0, 6] = traffic.ego_poses[:, :2], traffic.ego_size, traffic.ego_poses[:, 2]
    all_boxes = np.concatenate([traffic.boxes, ego], axis=1)
    present = all_boxes[np.isfinite(all_boxes[..., 0])]
    along, across = (np.linspace(-0.5, 0.5, number) for number in (13, 7))
    inside = np.stack(np.meshgrid(along, across, indexing="ij"), axis=-1).reshape(-1, 2) * (present[:, None, 3:5] + 0.4)
    c, s = np.cos(present[:, 6, None]), np.sin(present[:, 6, None])
    x = present[:, 0, None] + c * inside[..., 0] - s * inside[..., 1]
    y = present[:, 1, None] + s * inside[..., 0] + c * inside[..., 1]
    covered = np.stack([x, y], axis=-1).reshape(-1, 2)
    origin = covered.min(axis=0) - MARGIN_M
    cells = np.floor((covered - origin) / RASTER_M).astype(np.int64)
    passed = np.zeros(np.ceil((covered.max(axis=0) + MARGIN_M - origin) / RASTER_M).astype(int), bool)
    passed[cells[:, 0], cells[:, 1]] = True
    return passed, origin


def _clearance(mesh: Mesh, distance: Array, origin: Array) -> float:
    """Smallest horizontal distance in metres from a mesh to the passed area, of which `distance` (X,Y) is the map."""
    barycentric = np.array([[i, j, 8 - i - j] for i in range(9) for j in range(9 - i)]) / 8.0
    samples = (barycentric @ mesh.vertices[mesh.triangles][..., :2]).reshape(-1, 2)
    cells = np.clip(((samples - origin) / RASTER_M).astype(np.int64), 0, np.array(distance.shape) - 1)
    return float(distance[cells[:, 0], cells[:, 1]].min())


def _shape(label: str, box: Array) -> Mesh:
    """Mesh of an object of a class in its box (7,)."""
    length, width, height = box[3:6]
    if label == "car":
        shape = vehicle(length)
    elif label == "cyclist":
        shape = joined(
            [
                boxes(np.array([[length, 0.1, 0.7]]), np.array([[0.0, 0.0, 0.3]]), np.zeros(1)),
                cylinder(0.5 * width, height - 0.8, (0.0, 0.0, 0.8), sides=8),
            ]
        )
    else:
        shape = cylinder(0.5 * min(length, width), height, (0.0, 0.0, 0.0), sides=8)
    return joined([shape], se3.from_planar(box[0], box[1], box[6]))


def _containing_box(points: Array, around: Array) -> NDArray[np.int64]:
    """Index (N,) of the box, of `around` (M,7), in which each point (N,3) lies deepest, seen from above."""
    offset = points[:, None, :2] - around[:, :2]
    c, s = np.cos(around[:, 6]), np.sin(around[:, 6])
    along = np.abs(offset[..., 0] * c + offset[..., 1] * s) - 0.5 * around[:, 3]
    across = np.abs(offset[..., 1] * c - offset[..., 0] * s) - 0.5 * around[:, 4]
    return np.asarray(np.maximum(along, across).argmin(axis=1))
