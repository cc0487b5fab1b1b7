"""Traffic as a LiDAR on the own vehicle sees it, among houses, plants and clutter that stand beside the roads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import HDL_64, SpinningLidar
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.traffic.traffic import Traffic, simulate_traffic
from isometry.simulation.worlds.shapes import Mesh, boxes, cylinder, joined
from isometry.simulation.worlds.street_side import built_up, clutter, green, vehicle

SENSOR_M = 1.73  # above the ground
LOWEST_M = 0.3  # readings lower than this above the ground are taken for ground
RASTER_M = 0.5
CLEARANCE_M = 0.4  # of what stands from what moves
SPACE_M = 60.0  # around what moves


@dataclass(frozen=True)
class TrafficScan:
    """What one turn of the sensor sees above the ground, in the world frame."""

    points: NDArray[np.float32]  # (N,3) metres
    objects: NDArray[np.int16]  # (N,) column of the traffic's boxes that each reading lies on; -1: it stands for good
    T_world_lidar: Array  # (4,4)


@dataclass(frozen=True)
class TrafficDrive:
    """A drive through traffic."""

    traffic: Traffic
    scans: list[TrafficScan]  # one at each of its moments


def random_drive(seed: int, duration_s: float = 5.0) -> TrafficDrive:
    """A drive with random traffic, surroundings and LiDAR, ten scans a second."""
    random = np.random.default_rng([7, seed])
    beams, azimuth_step_deg = int(random.choice([24, 40, 56])), float(random.choice([0.2, 0.3, 0.4]))
    lidar = SpinningLidar(beams=beams, lowest_deg=-18.0, azimuth_step_deg=azimuth_step_deg)
    traffic = simulate_traffic(random, duration_s)
    still = surroundings(traffic, random, int(random.integers(20, 120)))
    return TrafficDrive(traffic, traffic_scans(traffic, still, random, lidar))


def surroundings(traffic: Traffic, random: np.random.Generator, sections: int = 40) -> Mesh:
    """What stands beside the roads: pieces of street sides, along the border of where anything ever drives or walks.

    Single things that would stand in the way are left out.
    """
    driven, origin = _driven(traffic)
    distance = distance_transform_edt(~driven) * RASTER_M
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
    traffic: Traffic, still: Mesh, random: np.random.Generator, lidar: SpinningLidar = HDL_64
) -> list[TrafficScan]:
    """A scan at each moment of the traffic; the sensor stands still while it turns."""
    still_caster, directions = RayCaster(still), lidar.directions()
    scans = []
    for moment, own in zip(traffic.boxes, traffic.own_poses, strict=True):
        T_world_lidar = se3.from_planar(*own)
        T_world_lidar[2, 3] = SENSOR_M
        beams = directions[random.random(len(directions)) >= lidar.dropped]
        ranges = still_caster.cast(T_world_lidar, beams)["t_hit"].astype(np.float64)
        objects = np.full(len(beams), -1, np.int16)
        present = np.flatnonzero(np.isfinite(moment[:, 0]))
        if len(present):
            moving = RayCaster(joined([_body(traffic.labels[k], moment[k]) for k in present]))
            nearer = moving.cast(T_world_lidar, beams)["t_hit"].astype(np.float64)
            on_it = nearer < ranges
            ranges[on_it] = nearer[on_it]
            places = (beams[on_it] * nearer[on_it, None]) @ T_world_lidar[:3, :3].T + T_world_lidar[:3, 3]
            objects[on_it] = present[_nearest_box(places, moment[present])]
        ranges += random.normal(0.0, lidar.noise_m, len(ranges))
        seen = (ranges > 1.0) & (ranges <= lidar.range_m)
        points = se3.apply(T_world_lidar, beams[seen] * ranges[seen, None])
        above = points[:, 2] > LOWEST_M
        scans.append(TrafficScan(points[above].astype(np.float32), objects[seen][above], T_world_lidar))
    return scans


def _driven(traffic: Traffic) -> tuple[NDArray[np.bool_], Array]:
    """Cells where anything, the own vehicle among it, ever is, and the position (2,) of the first cell."""
    own = np.zeros((len(traffic.times_s), 1, 7))
    own[:, 0, :2], own[:, 0, 3:6], own[:, 0, 6] = traffic.own_poses[:, :2], traffic.own_size, traffic.own_poses[:, 2]
    all_boxes = np.concatenate([traffic.boxes, own], axis=1)
    present = all_boxes[np.isfinite(all_boxes[..., 0])]
    along, across = (np.linspace(-0.5, 0.5, number) for number in (13, 7))
    inside = np.stack(np.meshgrid(along, across, indexing="ij"), axis=-1).reshape(-1, 2) * (present[:, None, 3:5] + 0.4)
    c, s = np.cos(present[:, 6, None]), np.sin(present[:, 6, None])
    x = present[:, 0, None] + c * inside[..., 0] - s * inside[..., 1]
    y = present[:, 1, None] + s * inside[..., 0] + c * inside[..., 1]
    places = np.stack([x, y], axis=-1).reshape(-1, 2)
    origin = places.min(axis=0) - SPACE_M
    cells = np.floor((places - origin) / RASTER_M).astype(np.int64)
    driven = np.zeros(np.ceil((places.max(axis=0) + SPACE_M - origin) / RASTER_M).astype(int), bool)
    driven[cells[:, 0], cells[:, 1]] = True
    return driven, origin


def _clearance(mesh: Mesh, distance: Array, origin: Array) -> float:
    """Smallest distance in metres from a mesh, seen from above, to what is driven over."""
    share = np.array([[i, j, 8 - i - j] for i in range(9) for j in range(9 - i)]) / 8.0
    places = (share @ mesh.vertices[mesh.triangles][..., :2]).reshape(-1, 2)
    cells = np.clip(((places - origin) / RASTER_M).astype(np.int64), 0, np.array(distance.shape) - 1)
    return float(distance[cells[:, 0], cells[:, 1]].min())


def _body(label: str, box: Array) -> Mesh:
    """The shape of an object in its box (7,)."""
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


def _nearest_box(places: Array, moment: Array) -> NDArray[np.int64]:
    """Which of the boxes (M,7) each place (N,3) lies deepest in, seen from above."""
    offset = places[:, None, :2] - moment[:, :2]
    c, s = np.cos(moment[:, 6]), np.sin(moment[:, 6])
    along = np.abs(offset[..., 0] * c + offset[..., 1] * s) - 0.5 * moment[:, 3]
    across = np.abs(offset[..., 1] * c - offset[..., 0] * s) - 0.5 * moment[:, 4]
    return np.asarray(np.maximum(along, across).argmin(axis=1))
