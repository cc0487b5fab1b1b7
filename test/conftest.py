"""What tests of several folders share, and an environment in which they hear nobody else's robot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.datasets.simulation.lidar import SpinningLidar

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_configure() -> None:
    """Set what a ROS installation or the Makefile would have set, before anything starts a ROS context."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    os.environ["AMENT_PREFIX_PATH"] = os.pathsep.join(dict.fromkeys(filter(None, prefixes)))
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(REPOSITORY / "config" / "fastdds.xml"))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))  # two runs at a time do not hear each other


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds package.xml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real recordings, which are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not there: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def kitti_tracking(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KITTI tracking directory of real sequences, 0000 of them with scans, unpacked; not to be changed."""
    unpack = shared_data / "unpack.py"
    if not unpack.exists():
        pytest.skip(f"real recordings cannot be unpacked: {unpack} is not there")
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, str(unpack), str(folder), "kitti_tracking"], check=True)
    return folder / "kitti_tracking"


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
