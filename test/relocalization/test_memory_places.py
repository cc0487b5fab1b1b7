"""A robot that is located in a place memory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.registration.pipeline import load_registrar
from isometry.registration.preprocessing import prepare
from isometry.relocalization.memory_places import MemoryPlaces
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import Relocalizer
from isometry.relocalization.scan import Scan
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town


def filled_memory(simulator: LidarSimulator, poses: Array) -> PlaceRecognizer:
    """A memory of the base frame, which lies on the ground under the sensor."""
    encoder = BirdsEyeEncoder.load()
    recognizer = PlaceRecognizer(
        encoder, PlaceMemory(encoder.sha256, encoder.descriptor_size), PlaceRecognitionParameters()
    )
    random = np.random.default_rng(0)
    for k, T_map_base in enumerate(on_ground(poses)):
        points = simulator.scan(poses[k], random) + np.array([0.0, 0.0, poses[k, 2, 3]])
        recognizer.add_keyframe(recognizer.observe(points), T_map_base, k)
    return recognizer


def on_ground(poses: Array) -> Array:
    lowered = poses.copy()
    lowered[:, 2, 3] = 0.0
    return lowered


@pytest.fixture(scope="module")
def drive() -> tuple[LidarSimulator, Array]:
    plan = SimulatedDrive(scans=70, spacing_m=1.5, remounted_deg=0.0)
    town = build_town(plan.plan, np.random.default_rng(0))
    return LidarSimulator(town, SpinningLidar(beams=48, azimuth_step_deg=0.8)), sensor_poses(plan)


def test_what_a_scan_resembles_is_looked_at_first(drive: tuple[LidarSimulator, Array]) -> None:
    simulator, poses = drive
    registrar = load_registrar("upright")
    places = MemoryPlaces(filled_memory(simulator, poses[::3]), registrar.parameters)
    points = simulator.scan(poses[50], np.random.default_rng(1)) + np.array([0.0, 0.0, poses[50, 2, 3]])
    scan = Scan(points, prepare(points, registrar.parameters, np.array([0.0, 0.0, poses[50, 2, 3]])))
    first = next(iter(places.candidates(scan, None)))
    assert np.linalg.norm(first.T_map_cloud[:2, 3] - poses[50, :2, 3]) < 4.0


def test_an_empty_memory_is_refused() -> None:
    encoder = BirdsEyeEncoder.load()
    memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
    recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters())
    with pytest.raises(ValueError, match="empty"):
        MemoryPlaces(recognizer, load_registrar("upright").parameters)


@pytest.mark.slow
def test_a_robot_is_located_though_its_sensor_was_turned(drive: tuple[LidarSimulator, Array]) -> None:
    simulator, poses = drive
    registrar = load_registrar("upright")
    places = MemoryPlaces(filled_memory(simulator, poses[:50:2]), registrar.parameters)
    relocalizer = Relocalizer(registrar, places, RelocalizationParameters(time_limit=60.0))
    random = np.random.default_rng(1)
    turn = se3.from_rotation_translation(Rotation.random(random_state=3).as_matrix(), np.zeros(3))
    scans = [se3.apply(se3.inverse(turn), simulator.scan(T, random).astype(np.float64)) for T in poses[20:23]]
    steps = [relocalizer.process(scan, T @ turn) for scan, T in zip(scans, poses[20:23], strict=True)]
    assert [step.located for step in steps] == [False, True, True]
    assert steps[-1].T_map_base is not None
    error = se3.inverse(poses[22] @ turn) @ steps[-1].T_map_base
    assert np.linalg.norm(error[:3, 3]) < 0.3
    assert se3.rotation_angle(error) < np.radians(1.5)
