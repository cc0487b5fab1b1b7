"""Simulated pairs that the tests of registration share."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.scan_pair import ScanPair
from isometry.simulation.pairs import simulated_pair


@pytest.fixture(scope="session")
def street() -> ScanPair:
    """Two scans of a 64-beam LiDAR 8 m apart."""
    return simulated_pair("street", 1002)


@pytest.fixture(scope="session")
def turns() -> list[np.ndarray]:
    """Random rotations (3,3), the identity first."""
    return [np.eye(3), *(Rotation.random(random_state=seed).as_matrix() for seed in (1, 2))]
