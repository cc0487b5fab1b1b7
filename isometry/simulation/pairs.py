"""Simulated pairs of scans for the training of registration, of streets, buildings and rooms, each from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair, overlap
from isometry.geometry import se3
from isometry.simulation.paths import distances_along
from isometry.simulation.sensors.depth_camera import DepthCamera, DepthSimulator
from isometry.simulation.sensors.lidar import HDL_64E, Lidar, LidarSimulator, RosetteLidar, SpinningLidar
from isometry.simulation.worlds.building import Building, build_building
from isometry.simulation.worlds.room import build_room, hand_motion, random_view
from isometry.simulation.worlds.street import build_street, random_traffic, traffic_later

Cloud = NDArray[np.float32]
LEAST_OVERLAP = 0.1
ROOM_VOXEL = 0.015  # metres between the points of a fragment
FRAMES = 17  # of a depth camera in a fragment: 1.7 s
# Voxels in metres with which the overlap of each kind of pair is counted
OVERLAP_VOXELS = {"street": 0.4, "building": 0.1, "room": 0.025}
KINDS = tuple(OVERLAP_VOXELS)
ATTEMPTS = 8  # second poses that are tried


def simulated_pair(kind: str, seed: int) -> ScanPair:
    """A pair whose clouds overlap by at least a tenth (`scan_pair.overlap` with the kind's voxel), drawn from a seed.

    "street": a 64-beam LiDAR on a vehicle, 1 to 50 m apart; traffic may have moved in between. "building": a handheld
    wide-angle LiDAR, 0.5 to 25 m apart through connected rooms, tilted by tens of degrees. "room": a handheld depth
    camera, each cloud fused from 17 frames. Raises ValueError for another kind.
    """
    makers = {"street": _street_pair, "building": _building_pair, "room": _room_pair}
    if kind not in makers:
        raise ValueError(f"no simulated pairs of kind {kind!r}, only {', '.join(makers)}")
    # A world without a second pose that overlaps enough is replaced by the next one
    random = np.random.default_rng([KINDS.index(kind), seed])
    while True:
        pair = makers[kind](random)
        if pair is not None:
            return replace(pair, name=f"{kind}-{seed}")


def _street_pair(random: np.random.Generator) -> ScanPair | None:
    street = build_street(random)
    traffic = random_traffic(street.plan, random)
    later = traffic_later(traffic, random) if random.random() < 0.7 else traffic
    lidar = replace(HDL_64E, noise_m=random.uniform(0.01, 0.03), dropped=random.uniform(0.02, 0.3))
    mast = np.array([0.0, 0.0, random.uniform(1.0, 2.3)])
    first = random.integers(len(street.route))
    apart = np.linalg.norm(street.route[:, :3, 3] - street.route[first, :3, 3], axis=1)
    desired_m = random.uniform(1.0, 50.0)

    def scanned(row: np.integer, vehicles: Array) -> tuple[Cloud, Array]:
        T_flat_vehicle = street.route[row]
        T_world_lidar = street.bend.pose(T_flat_vehicle) @ se3.from_rotation_translation(_tilt(2.0, random), mast)
        # No other vehicle where the sensor is
        clear = vehicles[np.linalg.norm(vehicles[:, :2] - T_flat_vehicle[:2, 3], axis=1) > 7.0]
        return LidarSimulator(street.with_traffic(clear), lidar).scan(T_world_lidar, random), T_world_lidar

    target = scanned(first, traffic)
    for second in np.argsort(np.abs(apart - desired_m) + random.uniform(0.0, 2.0, len(apart)))[:ATTEMPTS]:
        pair = _pair(target, scanned(second, later), "street", LEAST_OVERLAP)
        if pair is not None:
            return pair
    return None


def _building_pair(random: np.random.Generator) -> ScanPair | None:
    building = build_building(random)
    simulator = LidarSimulator(building.mesh, _handheld_lidar(random))
    positions = _handheld_positions(building, simulator, random)
    if len(positions) < 2:
        return None

    def scanned(position: Array) -> tuple[Cloud, Array]:
        T_world_lidar = _handheld_pose(building, position, random)
        return simulator.scan(T_world_lidar, random), T_world_lidar

    target = scanned(positions[0])
    # Views from two rooms overlap little; with a fixed threshold most pairs would be such ones
    least = random.uniform(LEAST_OVERLAP, 0.3)
    apart = np.linalg.norm(positions - positions[0], axis=1)
    desired_m = random.uniform(0.5, min(25.0, apart.max()))
    order = np.argsort(np.abs(apart - desired_m))
    allowed = order[(apart[order] >= 0.5) & (apart[order] <= desired_m + 1.0)]
    for second in allowed[:: max(1, len(order) // 10)][:ATTEMPTS]:
        pair = _pair(target, scanned(positions[second]), "building", least)
        if pair is not None:
            return pair
    return None


def _room_pair(random: np.random.Generator) -> ScanPair | None:
    room = build_room(random)
    camera = DepthCamera(range_m=random.uniform(3.0, 4.5), noise=random.uniform(0.2, 0.8))
    simulator = DepthSimulator(room.mesh, camera, random)
    views = [random_view(room, random) for _ in range(20)]
    # Independent views seldom show the same half of a room, so that some are drawn near others
    views += [
        (position + random.normal(0.0, 0.3, 3), target + random.normal(0.0, 0.5, 3)) for position, target in views[:10]
    ]
    motions = [hand_motion(*view, FRAMES, random) for view in views if _is_free(simulator, view)]
    # Single frames, which are cheap, predict the points and the overlap of whole fragments
    middles = [motion[FRAMES // 2] for motion in motions]
    previews = [simulator.frame(middle, random) for middle in middles]
    rich = [k for k, preview in enumerate(previews) if len(preview) > 0.5 * camera.width * camera.height]
    if len(rich) < 2:
        return None
    first = rich[0]
    desired_overlap = random.uniform(0.05, 0.8)

    def deviation(k: int) -> float:
        predicted = overlap(previews[first], previews[k], se3.inverse(middles[first]) @ middles[k], 0.1)
        return abs(predicted - desired_overlap)

    target = simulator.fragment(motions[first], ROOM_VOXEL, random), motions[first][0]
    for second in sorted(rich[1:], key=deviation)[:2]:
        pair = _pair(
            target, (simulator.fragment(motions[second], ROOM_VOXEL, random), motions[second][0]), "room", LEAST_OVERLAP
        )
        if pair is not None:
            return pair
    return None


def _pair(target_at: tuple[Cloud, Array], source_at: tuple[Cloud, Array], kind: str, least: float) -> ScanPair | None:
    """The pair, without a name yet, of two clouds with sensor poses; None when they overlap less than `least`."""
    (target, T_world_target), (source, T_world_source) = target_at, source_at
    T_target_source = se3.inverse(T_world_target) @ T_world_source
    if overlap(target, source, T_target_source, OVERLAP_VOXELS[kind]) < least:
        return None
    return ScanPair(target, source, T_target_source, np.zeros(3), np.zeros(3), name="", simulated=True)


def _tilt(standard_deviation_deg: float, random: np.random.Generator) -> Array:
    """Rotation (3,3) by a random rotation vector, of which each coordinate has that standard deviation."""
    rotation: Array = Rotation.from_rotvec(np.radians(random.normal(0.0, standard_deviation_deg, 3))).as_matrix()
    return rotation


def _handheld_lidar(random: np.random.Generator) -> Lidar:
    """A LiDAR of one of the handheld scanners."""
    noise_m, dropped = random.uniform(0.005, 0.03), random.uniform(0.02, 0.3)
    draw = random.random()
    if draw < 0.5:
        readings, start = int(random.integers(20_000, 60_000)), random.uniform(0.0, 1000.0)
        return RosetteLidar(readings, start=start, noise_m=noise_m, dropped=dropped)
    beams, half_deg = [(16, 15.0), (32, 22.5), (32, 45.0), (64, 45.0), (128, 45.0)][random.integers(5)]
    step_deg = 360.0 / min(40_000 // beams, 1800)
    return SpinningLidar(beams, half_deg, -half_deg, None, step_deg, 40.0, noise_m, dropped)


def _handheld_positions(building: Building, simulator: LidarSimulator, random: np.random.Generator) -> Array:
    """Free positions (P,3) of the plan, in random order: along a path between two rooms, and five in each room."""
    start, end = random.integers(len(building.rooms), size=2)
    path = np.array(building.path(int(start), int(end)))
    travelled = distances_along(path)
    stops = np.arange(0.0, travelled[-1] + 0.25, 0.25)
    on_path = np.column_stack([np.interp(stops, travelled, coordinates) for coordinates in path.T])
    in_rooms = [random.uniform(room.low + 0.5, room.high - 0.5, (5, 2)) for room in building.rooms]
    planar = np.vstack([on_path + random.normal(0.0, 0.4, on_path.shape), *in_rooms])
    positions = np.column_stack([planar, random.uniform(0.9, 1.9, len(planar))])
    positions = positions[simulator.clearance(building.bend.points(positions)) > 0.3]
    random.shuffle(positions)
    return positions


def _handheld_pose(building: Building, position: Array, random: np.random.Generator) -> Array:
    """Pose (4,4) of a handheld sensor at a position (3,) of the plan: any heading, tilted by tens of degrees."""
    rotation = se3.from_planar(0.0, 0.0, random.uniform(-np.pi, np.pi))[:3, :3] @ _tilt(18.0, random)
    return se3.from_rotation_translation(rotation, building.bend.points(position[None])[0])


def _is_free(simulator: DepthSimulator, view: tuple[Array, Array]) -> bool:
    """Whether nothing is near the camera, and the point that it looks at is far enough away."""
    position, target = view
    return float(np.linalg.norm(target - position)) > 0.8 and float(simulator.clearance(position[None])[0]) > 0.4
