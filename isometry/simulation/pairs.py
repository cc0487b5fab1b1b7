"""Pairs of scans of simulated places by sensors of three kinds: training data for registration, all from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair, overlap
from isometry.geometry import se3
from isometry.simulation.sensors.depth_camera import DepthCamera, DepthSimulator
from isometry.simulation.sensors.lidar import HDL_64E, Lidar, LidarSimulator, RosetteLidar, SpinningLidar
from isometry.simulation.worlds.building import Building, build_building
from isometry.simulation.worlds.room import build_room, hand_motion, random_look
from isometry.simulation.worlds.street import build_street, moved_on, random_traffic

Cloud = NDArray[np.float32]
LEAST_OVERLAP = 0.1
ROOM_VOXEL = 0.015  # metres between the points of a fragment
FRAMES = 17  # of a depth camera in a fragment: 1.7 s
# Metres between points at which the overlap of a kind of pair is counted
OVERLAP_VOXELS = {"street": 0.4, "building": 0.1, "room": 0.025}
KINDS = tuple(OVERLAP_VOXELS)
ATTEMPTS = 8  # second looks to choose from


def simulated_pair(kind: str, seed: int) -> ScanPair:
    """A pair whose clouds overlap by a tenth or more (`scan_pair.overlap` at the kind's voxel). Same seed, same pair.

    "street": a 64-beam LiDAR on a vehicle, 1 to 50 m apart, where traffic may have moved in between. "building": a
    handheld wide-angle LiDAR, 0.5 to 25 m apart through connected rooms, tilted by tens of degrees. "room": a depth
    camera in a hand, each cloud fused from 17 frames. Raises ValueError for another kind.
    """
    makers = {"street": _street_pair, "building": _building_pair, "room": _room_pair}
    if kind not in makers:
        raise ValueError(f"no simulated pairs of kind {kind!r}, only {', '.join(makers)}")
    # A scene can have no second pose from which enough of it is seen again; the next one is drawn then
    random = np.random.default_rng([KINDS.index(kind), seed])
    while True:
        found = makers[kind](random)
        if found is not None:
            return replace(found, name=f"{kind}-{seed}")


def _street_pair(random: np.random.Generator) -> ScanPair | None:
    street = build_street(random)
    traffic = random_traffic(street.plan, random)
    later = moved_on(traffic, random) if random.random() < 0.7 else traffic
    lidar = replace(HDL_64E, noise_m=random.uniform(0.01, 0.03), dropped=random.uniform(0.02, 0.3))
    mast = np.array([0.0, 0.0, random.uniform(1.0, 2.3)])
    first = random.integers(len(street.route))
    apart = np.linalg.norm(street.route[:, :3, 3] - street.route[first, :3, 3], axis=1)
    wanted = random.uniform(1.0, 50.0)

    def scanned(where: np.integer, vehicles: Array) -> tuple[Cloud, Array]:
        T_flat_vehicle = street.route[where]
        T_world_lidar = street.bend.pose(T_flat_vehicle) @ se3.from_rotation_translation(_tilt(2.0, random), mast)
        # Nobody drives through the sensor
        clear = vehicles[np.linalg.norm(vehicles[:, :2] - T_flat_vehicle[:2, 3], axis=1) > 7.0]
        return LidarSimulator(street.with_traffic(clear), lidar).scan(T_world_lidar, random), T_world_lidar

    target = scanned(first, traffic)
    for second in np.argsort(np.abs(apart - wanted) + random.uniform(0.0, 2.0, len(apart)))[:ATTEMPTS]:
        pair = _pair(target, scanned(second, later), "street", LEAST_OVERLAP)
        if pair is not None:
            return pair
    return None


def _building_pair(random: np.random.Generator) -> ScanPair | None:
    building = build_building(random)
    simulator = LidarSimulator(building.mesh, _handheld_lidar(random))
    places = _walk(building, simulator, random)
    if len(places) < 2:
        return None

    def scanned(place: Array) -> tuple[Cloud, Array]:
        T_world_lidar = _held(building, place, random)
        return simulator.scan(T_world_lidar, random), T_world_lidar

    target = scanned(places[0])
    # Most places behind a door share little; without this most pairs would be of that kind
    least = random.uniform(LEAST_OVERLAP, 0.3)
    apart = np.linalg.norm(places - places[0], axis=1)
    wanted = random.uniform(0.5, min(25.0, apart.max()))
    order = np.argsort(np.abs(apart - wanted))
    for second in order[(apart[order] >= 0.5) & (apart[order] <= wanted + 1.0)][:: max(1, len(order) // 10)][:ATTEMPTS]:
        pair = _pair(target, scanned(places[second]), "building", least)
        if pair is not None:
            return pair
    return None


def _room_pair(random: np.random.Generator) -> ScanPair | None:
    room = build_room(random)
    camera = DepthCamera(range_m=random.uniform(3.0, 4.5), noise=random.uniform(0.2, 0.8))
    simulator = DepthSimulator(room.mesh, camera, random)
    looks = [random_look(room, random) for _ in range(20)]
    # Looks of their own seldom show the same half of a room
    looks += [(place + random.normal(0.0, 0.3, 3), target + random.normal(0.0, 0.5, 3)) for place, target in looks[:10]]
    motions = [hand_motion(*look, FRAMES, random) for look in looks if _usable(simulator, look)]
    # Single frames tell which looks show enough, and how much of it, before the time of whole fragments is spent
    middles = [motion[FRAMES // 2] for motion in motions]
    previews = [simulator.frame(middle, random) for middle in middles]
    rich = [k for k, preview in enumerate(previews) if len(preview) > 0.5 * camera.width * camera.height]
    if len(rich) < 2:
        return None
    first = rich[0]
    wanted = random.uniform(0.05, 0.8)

    def unlike(k: int) -> float:
        shared = overlap(previews[first], previews[k], se3.inverse(middles[first]) @ middles[k], 0.1)
        return abs(shared - wanted)

    target = simulator.fragment(motions[first], ROOM_VOXEL, random), motions[first][0]
    for second in sorted(rich[1:], key=unlike)[:2]:
        pair = _pair(
            target, (simulator.fragment(motions[second], ROOM_VOXEL, random), motions[second][0]), "room", LEAST_OVERLAP
        )
        if pair is not None:
            return pair
    return None


def _pair(target_at: tuple[Cloud, Array], source_at: tuple[Cloud, Array], kind: str, least: float) -> ScanPair | None:
    """The pair, unnamed, of two clouds and their sensor poses, if they overlap by at least so much."""
    (target, T_world_target), (source, T_world_source) = target_at, source_at
    T_target_source = se3.inverse(T_world_target) @ T_world_source
    if overlap(target, source, T_target_source, OVERLAP_VOXELS[kind]) < least:
        return None
    return ScanPair(target, source, T_target_source, np.zeros(3), np.zeros(3), name="")


def _tilt(spread_deg: float, random: np.random.Generator) -> Array:
    """Rotation (3,3) about a random direction."""
    rotation: Array = Rotation.from_rotvec(np.radians(random.normal(0.0, spread_deg, 3))).as_matrix()
    return rotation


def _handheld_lidar(random: np.random.Generator) -> Lidar:
    """One of the sensors that people carry."""
    noise_m, dropped = random.uniform(0.005, 0.03), random.uniform(0.02, 0.3)
    kind = random.random()
    if kind < 0.5:
        readings, start = int(random.integers(20_000, 60_000)), random.uniform(0.0, 1000.0)
        return RosetteLidar(readings, start=start, noise_m=noise_m, dropped=dropped)
    beams, half_deg = [(16, 15.0), (32, 22.5), (32, 45.0), (64, 45.0), (128, 45.0)][random.integers(5)]
    step_deg = 360.0 / min(40_000 // beams, 1800)
    return SpinningLidar(beams, half_deg, -half_deg, None, step_deg, 40.0, noise_m, dropped)


def _walk(building: Building, simulator: LidarSimulator, random: np.random.Generator) -> Array:
    """Places (P,3) of the plan at which a LiDAR can be held, between two rooms in order and in some corners."""
    start, end = random.integers(len(building.rooms), size=2)
    way = np.array(building.way(int(start), int(end)))
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    stops = np.arange(0.0, travelled[-1] + 0.25, 0.25)
    places = np.column_stack([np.interp(stops, travelled, along) for along in way.T])
    corners = [random.uniform(room.low + 0.5, room.high - 0.5, (5, 2)) for room in building.rooms]
    places = np.vstack([places + random.normal(0.0, 0.4, places.shape), *corners])
    held = np.column_stack([places, random.uniform(0.9, 1.9, len(places))])
    held = held[simulator.clearance(building.bend.points(held)) > 0.3]
    random.shuffle(held)
    return held


def _held(building: Building, place: Array, random: np.random.Generator) -> Array:
    """Pose (4,4) of a sensor in a hand at a place (3,) of the plan: any heading, tilted by tens of degrees."""
    rotation = se3.from_planar(0.0, 0.0, random.uniform(-np.pi, np.pi))[:3, :3] @ _tilt(18.0, random)
    return se3.from_rotation_translation(rotation, building.bend.points(place[None])[0])


def _usable(simulator: DepthSimulator, look: tuple[Array, Array]) -> bool:
    """Whether a camera can be held there, and has room to look."""
    place, target = look
    return float(np.linalg.norm(target - place)) > 0.8 and float(simulator.clearance(place[None])[0]) > 0.4
