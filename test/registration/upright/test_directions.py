"""Which axes a cloud's normals single out."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.registration.upright.directions import dominant_directions, half_sphere

AXES = np.eye(3)


def normals_of(counts: list[tuple[np.ndarray, int]], spread: float = 0.03) -> np.ndarray:
    random = np.random.default_rng(0)
    normals = np.vstack([axis + random.normal(0.0, spread, (count, 3)) for axis, count in counts])
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def degrees_apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


def test_the_half_sphere_is_even_and_has_unit_vectors() -> None:
    grid = half_sphere(400)
    assert np.allclose(np.linalg.norm(grid, axis=1), 1.0)
    cosine = grid @ grid.T - 2.0 * np.eye(400)
    nearest = np.degrees(np.arccos(cosine.max(axis=1)))
    assert nearest.min() > 4.0
    assert nearest.max() < 9.0


@pytest.mark.parametrize("seed", range(4))
def test_ground_and_walls_are_found_however_the_cloud_is_turned(seed: int) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    normals = normals_of([(AXES[2], 3000), (AXES[0], 900), (AXES[1], 500)])
    found = dominant_directions(normals @ turn.T, oriented=True)
    for direction, axis in zip(found[:3], (AXES[2], AXES[0], AXES[1]), strict=True):
        assert degrees_apart(direction.axis, turn @ axis) < 1.5


def test_oriented_normals_tell_up_from_down_and_others_do_not() -> None:
    normals = normals_of([(-AXES[2], 3000), (AXES[0], 900)])
    oriented = dominant_directions(normals, oriented=True)[0]
    assert oriented.signed
    assert oriented.axis[2] < -0.99
    assert not dominant_directions(normals, oriented=False)[0].signed
    floor_and_ceiling = normals_of([(AXES[2], 1500), (-AXES[2], 1400), (AXES[0], 500)])
    assert not dominant_directions(floor_and_ceiling, oriented=True)[0].signed


@pytest.mark.parametrize("seed", range(4))
def test_the_vertical_of_walls_without_any_ground_is_the_direction_they_run_along(seed: int) -> None:
    random = np.random.default_rng(seed)
    azimuth = random.uniform(0.0, 2.0 * np.pi, 3000)
    walls = np.column_stack([np.cos(azimuth), np.sin(azimuth), np.zeros(3000)])
    leaves = random.normal(size=(1500, 3))
    normals = np.vstack([walls, leaves / np.linalg.norm(leaves, axis=1, keepdims=True)])
    turn = Rotation.random(random_state=seed).as_matrix()
    last = dominant_directions(normals @ turn.T, oriented=False)[-1]
    assert degrees_apart(last.axis, turn @ AXES[2]) < 2.0
