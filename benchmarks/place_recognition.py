"""Place recognition, one thread: the steps from a scan to a pose, and the size and search of the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure, size, timed
from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.descriptor_index import DescriptorIndex
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.pose_graph import KeyframePoseGraph, PoseGraphParameters
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town

DENSE = SpinningLidar(azimuth_step_deg=0.17)  # about 120,000 points in the simulated town
PLACES = 30
KEYFRAMES = 100_000
GRAPH_KEYFRAMES = 2_000


def figures() -> Iterator[Figure]:
    """All figures, one after the other."""
    encoder = BirdsEyeEncoder.load()
    memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
    recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters(ground_height=-SimulatedDrive().height_m))
    poses, scans = dense_scans()
    for number, (T_map_base, scan) in enumerate(zip(poses[1:], scans[1:], strict=True)):
        recognizer.add_keyframe(recognizer.observe(scan), T_map_base, number)
    query, observation = scans[0], recognizer.observe(scans[0])

    yield size("points_per_scan", float(len(query)), "points")
    yield timed("descriptor_of_image", lambda: encoder.encode(observation.image))
    yield timed("observation_of_scan", lambda: recognizer.observe(query))
    yield timed("search_and_verification", lambda: recognizer.recognise(observation))
    yield timed("scan_to_pose", lambda: recognizer.recognise(recognizer.observe(query)))
    yield size("bytes_per_keyframe", memory.bytes_per_keyframe, "bytes")
    with tempfile.TemporaryDirectory() as folder:
        memory.attach(Path(folder) / "map.isometry")
        yield timed("keyframe_into_file", lambda: memory.add(observation, poses[0], 0))
        memory.detach()
    yield from search_figures(encoder.descriptor_size)
    yield timed("loop_in_2000_keyframes", loop_closer(), rounds=20)


def dense_scans() -> tuple[Array, list[NDArray[np.float32]]]:
    """Poses (PLACES,4,4) in a simulated street, and scans there of a LiDAR with 64 beams at 10 Hz."""
    drive = replace(SimulatedDrive(), scans=PLACES, lidar=DENSE)
    random = np.random.default_rng(drive.seed)
    simulator = LidarSimulator(build_town(drive.plan, random), drive.lidar)
    poses = sensor_poses(drive)
    return poses, [simulator.scan(pose, random) for pose in poses]


def search_figures(dimensions: int) -> Iterator[Figure]:
    """Search among 100,000 descriptors of a drive, and how many of the true nearest ones it misses."""
    stored = drive_descriptors(KEYFRAMES, dimensions)
    index = DescriptorIndex(dimensions)
    index.add(stored)
    queries = stored[:: KEYFRAMES // 50] + np.random.default_rng(1).normal(0.0, 0.01, (50, dimensions))
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    turn = iter(np.tile(queries, (10, 1)))
    old = np.arange(KEYFRAMES) < KEYFRAMES // 2
    yield timed("search_in_100000", lambda: index.search(next(turn), 60))
    yield timed("search_in_old_half_of_100000", lambda: index.search(next(turn), 60, old))
    missed = 0
    for query in queries:
        nearest = np.argpartition(((stored - query) ** 2).sum(axis=1), 25)[:25]
        missed += len(set(nearest) - set(index.search(query, 25)[0]))
    yield size("missed_of_1000_nearest", missed / 1.25, "places")


def drive_descriptors(count: int, dimensions: int) -> NDArray[np.float32]:
    """Unit descriptors (count,dimensions) that change slowly along a drive; later dimensions have less variance."""
    random = np.random.default_rng(0)
    places = random.normal(size=(count // 20 + 2, dimensions)).astype(np.float32)
    position = np.linspace(0, len(places) - 1.001, count)
    left = position.astype(np.int64)
    along = np.subtract(position, left, dtype=np.float32)[:, None]
    drawn = (1 - along) * places[left] + along * places[left + 1]
    drawn += 0.3 * random.normal(size=drawn.shape).astype(np.float32)
    drawn *= (1.0 + np.arange(dimensions, dtype=np.float32)) ** -0.7
    descriptors: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return descriptors


def loop_closer() -> Callable[[], None]:
    """A function that closes one more loop with each call, in a graph of 2,000 keyframes on a circle."""
    lap = GRAPH_KEYFRAMES // 4
    angles = 2.0 * np.pi * np.arange(GRAPH_KEYFRAMES) / lap
    radius = 2.0 * lap / (2.0 * np.pi)
    true = [se3.from_planar(radius * np.sin(a), radius * (1.0 - np.cos(a)), a) for a in angles]
    graph = KeyframePoseGraph(PoseGraphParameters())
    odometry = true[0]
    for before, after in pairwise(true):
        graph.add_keyframe(odometry)
        odometry = odometry @ se3.inverse(before) @ after @ se3.from_planar(0.0, 0.0, 1e-4)
    ends = iter(range(lap, GRAPH_KEYFRAMES - 1, 3))

    def close() -> None:
        end = next(ends)
        graph.add_loop(end - lap, end, se3.inverse(true[end - lap]) @ true[end], 0.01 * np.eye(6))
        graph.optimise()

    return close
