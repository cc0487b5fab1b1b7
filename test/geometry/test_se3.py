import numpy as np
import pytest
from pytransform3d import transformations
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import planar, se3


@pytest.fixture
def transform() -> Array:
    random = np.random.default_rng(0)
    return se3.from_rotation_translation(Rotation.random(rng=random).as_matrix(), random.normal(size=3))


def test_inverse_agrees_with_pytransform3d(transform: Array) -> None:
    np.testing.assert_allclose(se3.inverse(transform), transformations.invert_transform(transform), atol=1e-12)


def test_inverse_of_a_stack_is_the_stack_of_inverses(transform: Array) -> None:
    stack = np.stack([transform, np.eye(4), transform @ transform])
    np.testing.assert_allclose(se3.inverse(stack) @ stack, np.tile(np.eye(4), (3, 1, 1)), atol=1e-12)


def test_quaternion_there_and_back(transform: Array) -> None:
    again = se3.from_quaternion_translation(se3.to_quaternion(transform), transform[:3, 3])
    np.testing.assert_allclose(again, transform, atol=1e-12)


def test_quaternion_of_zero_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="zero norm"):
        se3.from_quaternion_translation(np.zeros(4), np.zeros(3))


@pytest.mark.parametrize("up", [[0.0, 0.0, 1.0], [0.3, -0.2, 9.7], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
def test_levelling_takes_up_to_z_by_the_smallest_turn(up: list[float]) -> None:
    direction = np.array(up) / np.linalg.norm(up)
    levelling = se3.levelling_rotation(np.array(up))
    np.testing.assert_allclose(levelling @ direction, [0.0, 0.0, 1.0], atol=1e-9)
    expected = np.arccos(np.clip(direction[2], -1.0, 1.0))
    assert Rotation.from_matrix(levelling).magnitude() == pytest.approx(expected, abs=1e-6)


def test_planar_pose_as_a_rigid_transform() -> None:
    T = se3.from_planar(1.0, 2.0, np.pi / 2.0)
    np.testing.assert_allclose(se3.apply(T, np.array([[1.0, 0.0, 5.0]])), [[1.0, 3.0, 5.0]], atol=1e-12)
    assert se3.yaw(T) == pytest.approx(np.pi / 2.0)
    assert se3.rotation_angle(T) == pytest.approx(np.pi / 2.0)


def test_distance_between_frames_is_that_of_origins_and_orientations(transform: Array) -> None:
    moved = transform @ se3.from_planar(3.0, 4.0, 0.5)
    assert se3.distance(transform, moved) == pytest.approx((5.0, 0.5))
    assert se3.distance(moved, transform) == pytest.approx((5.0, 0.5))


def test_the_error_of_an_estimate_lies_along_the_axes_of_the_target(transform: Array) -> None:
    turn = np.array([0.02, -0.01, 0.3])
    estimated = transform.copy()
    estimated[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ transform[:3, :3]
    estimated[:3, 3] += [1.0, 2.0, -3.0]
    np.testing.assert_allclose(se3.error(estimated, transform), [1.0, 2.0, -3.0, *turn], atol=1e-12)
    several = se3.error(np.stack([estimated, transform]), transform)
    np.testing.assert_allclose(several, np.array([[1.0, 2.0, -3.0, *turn], [0.0] * 6]), atol=1e-12)
    np.testing.assert_allclose(se3.error(transform, np.stack([estimated, transform])), -several, atol=1e-12)


def test_nearest_rotations_are_scipys_and_never_reflections() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 20, 6, 3))
    found = se3.nearest_rotation(np.einsum("nki,nkj->nij", a, b))
    for k in range(20):
        expected, _ = Rotation.align_vectors(a[k], b[k])
        np.testing.assert_allclose(found[k], expected.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(se3.nearest_rotation(np.diag([3.0, 2.0, -1.0])), np.eye(3), atol=1e-12)


def test_planar_fit_recovers_the_pose_that_made_the_points() -> None:
    source = np.random.default_rng(1).normal(size=(20, 2))
    pose = np.array([3.0, -1.0, 2.5])
    target = source @ planar.rotations(pose[2]).T + pose[:2]
    half = (np.arange(20) < 10).astype(float)
    one = (np.arange(20) == 3).astype(float)
    *fitted, turned = planar.fit(source, target, np.stack([np.ones(20), half, one]), np.array([0.0, 0.0, 0.7]))
    np.testing.assert_allclose(fitted, [pose, pose], atol=1e-12)
    np.testing.assert_allclose(planar.rotations(0.7) @ source[3] + turned[:2], target[3], atol=1e-12)
    assert turned[2] == 0.7


def test_wrapped_angles_lie_in_one_turn_and_point_the_same_way() -> None:
    angles = np.linspace(-20.0, 20.0, 101)
    wrapped = planar.wrapped(angles)
    assert wrapped.min() >= -np.pi
    assert wrapped.max() < np.pi
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * angles), atol=1e-12)
