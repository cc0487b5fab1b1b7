"""What tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.datasets.simulation.lidar import SpinningLidar

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real recordings, which are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not there: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def simulated_kitti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A KITTI odometry directory whose sequence 00 has 12 thin simulated scans; not to be changed."""
    root = tmp_path_factory.mktemp("simulated") / "kitti"
    lidar = SpinningLidar(beams=16, azimuth_step_deg=2.0)
    write_simulated_drive(root, SimulatedDrive(scans=12, spacing_m=5.0, lidar=lidar))
    return root


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers that are the same in each run."""
    return np.random.default_rng(0)
