"""The memory of a robot that is located for long does not grow. With `pytest -s` the figures are printed."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.pipeline import load_registrar
from isometry.registration.types import UnusableCloudError
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import Relocalizer
from isometry.relocalization.places import CloudPlaces
from isometry.simulation.sensors.lidar import LidarSimulator

WARM_UP, SCANS = 100, 200
FUZZED = 8  # one scan of so many is none of the town


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def fuzzed(random: np.random.Generator, scan: Array) -> Array:
    """A scan that a broken driver or another place may give."""
    kind = random.integers(5)
    if kind == 0:
        return random.uniform(-40.0, 40.0, (30_000, 3))
    if kind == 1:
        return scan * random.uniform(0.05, 3.0)  # of another extent, and so at another resolution
    if kind == 2:
        return np.vstack([scan, random.normal(size=(500, 3)) * np.logspace(3, 30, 500)[:, None]])
    if kind == 3:
        return np.where(random.random(scan.shape) < 0.3, np.nan, scan)
    return scan[: random.integers(0, 400)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the memory figures of Linux")
def test_memory_is_flat_while_scans_come_in_some_of_them_broken(town: tuple[Array, Array, LidarSimulator]) -> None:
    cloud, poses, simulator = town
    random = np.random.default_rng(0)
    registrar = load_registrar()
    relocalizer = Relocalizer(registrar, CloudPlaces(cloud, registrar.parameters), RelocalizationParameters())
    scans = [simulator.scan(pose, random).astype(np.float64) for pose in poses]
    memory = []
    located = 0
    for k in range(WARM_UP + SCANS):
        where = k % (2 * len(poses) - 2)
        where = min(where, 2 * len(poses) - 2 - where)  # there and back
        scan = fuzzed(random, scans[where]) if k % FUZZED == FUZZED - 1 else scans[where]
        kidnapped = se3.from_planar(float(k // 90) * 500.0, 0.0, 0.5)  # odometry starts again now and then
        try:
            located += relocalizer.process(scan, kidnapped @ poses[where]).located
        except UnusableCloudError:
            continue
        if k in (WARM_UP, WARM_UP + SCANS - 2):
            gc.collect()
            memory.append(resident_mb())
    print(f"{memory[0]:.0f} MB after {WARM_UP} scans, {memory[1]:.0f} MB after {WARM_UP + SCANS}, located in {located}")
    assert located > SCANS // 2
    assert memory[1] < 1.05 * memory[0]
