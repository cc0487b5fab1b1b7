from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from isometry.datasets.scan_pair import ScanPair, overlap
from isometry.geometry import se3
from isometry.simulation.pairs import KINDS, LEAST_OVERLAP, OVERLAP_VOXELS, simulated_pair


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> ScanPair:
    return simulated_pair(request.param, 5)


def kind_of(pair: ScanPair) -> str:
    return pair.name.partition("-")[0]


def median_off_surface(pair: ScanPair, T_target_source: np.ndarray) -> float:
    """Distance in metres of moved source points from planes through the target points around them, where there are."""
    moved = se3.apply(T_target_source, pair.source[::20].astype(float))
    distance, around = cKDTree(pair.target).query(moved, k=10)
    near = distance[:, -1] < 2.0 * OVERLAP_VOXELS[kind_of(pair)]
    patches = pair.target[around[near]].astype(float)
    centres = patches.mean(axis=1)
    normals = np.linalg.svd(patches - centres[:, None])[2][:, 2]
    return float(np.median(np.abs(np.einsum("ij,ij->i", moved[near] - centres, normals))))


def test_the_transform_lays_the_shared_surfaces_on_each_other(pair: ScanPair) -> None:
    """Where the clouds share anything they coincide, and they stop to when the transform is turned a little."""
    voxel = OVERLAP_VOXELS[kind_of(pair)]
    right = overlap(pair.target, pair.source, pair.T_target_source, voxel)
    assert right >= LEAST_OVERLAP
    away = se3.from_planar(0.0, 0.0, 0.5)
    away[:3, 3] += 10.0 * voxel
    assert overlap(pair.target, pair.source, pair.T_target_source @ away, voxel) < 0.7 * right
    assert median_off_surface(pair, pair.T_target_source) < 0.3 * voxel


def test_each_cloud_is_seen_from_its_own_origin(pair: ScanPair) -> None:
    assert pair.target_viewpoint is not None
    assert pair.source_viewpoint is not None
    np.testing.assert_array_equal(pair.target_viewpoint, np.zeros(3))
    for cloud in (pair.target, pair.source):
        assert cloud.dtype == np.float32
        assert cloud.shape[1] == 3
        assert len(cloud) > 5_000
        assert np.isfinite(cloud).all()
        assert np.linalg.norm(cloud, axis=1).min() > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_every_point(kind: str) -> None:
    first, again, other = (simulated_pair(kind, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.source, again.source)
    np.testing.assert_array_equal(first.T_target_source, again.T_target_source)
    assert not np.allclose(first.T_target_source, other.T_target_source)
    assert first.name == f"{kind}-1"


def test_kinds_differ_in_how_far_apart_and_how_tilted_the_sensors_are() -> None:
    def distance_and_tilt(kind: str) -> tuple[float, float]:
        transforms = [simulated_pair(kind, seed).T_target_source for seed in range(5)]
        tilts = [np.degrees(np.arccos(transform[2, 2])) for transform in transforms]
        return max(float(np.linalg.norm(each[:3, 3])) for each in transforms), float(np.median(tilts))

    street_m, street_tilt = distance_and_tilt("street")
    building_m, building_tilt = distance_and_tilt("building")
    assert 15.0 < street_m < 55.0
    assert street_tilt < 10.0
    assert building_m < 26.0
    assert building_tilt > 10.0


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'sea'.*street, building, room"):
        simulated_pair("sea", 0)
