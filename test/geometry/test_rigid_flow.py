"""The flow of a rigid scene, against points that are moved and projected one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import rigid_flow

R_SOURCE_TARGET = Rotation.from_rotvec([0.03, -0.05, 0.2]).as_matrix()
TRANSLATION = np.array([0.2, -0.1, -0.5])  # T_source_target's
SHIFT = R_SOURCE_TARGET.T @ TRANSLATION


def scene(count: int = 200) -> tuple[Array, Array, Array]:
    """Tangents (N,2) and depths (N,) in the target, and tangents in the source, by moving each point."""
    random = np.random.default_rng(0)
    target, depth = random.uniform(-0.6, 0.6, (count, 2)), random.uniform(1.0, 20.0, count)
    points = np.column_stack([target, np.ones(count)]) * depth[:, None]
    moved = points @ R_SOURCE_TARGET.T + TRANSLATION
    return target, depth, moved[:, :2] / moved[:, 2:]


def cross(first: Array, second: Array) -> Array:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])


def test_a_turn_of_the_source_is_undone() -> None:
    target, depth, source = scene()
    parallel = rigid_flow.rotation_removed(source, R_SOURCE_TARGET)
    moved = np.column_stack([target, np.ones(len(target))]) * depth[:, None] + SHIFT
    np.testing.assert_allclose(parallel, moved[:, :2] / moved[:, 2:], atol=1e-12)
    np.testing.assert_allclose(rigid_flow.displaced(target, depth, SHIFT), parallel, atol=1e-12)


def test_coaxial_flow_points_to_the_foot_of_the_axis_and_coplanar_flow_is_parallel() -> None:
    target, depth, source = scene()
    parallel = rigid_flow.rotation_removed(source, R_SOURCE_TARGET)
    on_axis = rigid_flow.coaxial(parallel, depth, SHIFT)
    assert np.abs(cross(target, on_axis)).max() < 1e-12
    flow = rigid_flow.coplanar(parallel, depth, SHIFT) - target
    assert np.abs(cross(flow, SHIFT[:2])).max() < 1e-12


def test_each_component_gives_the_depth_and_the_depth_each_component() -> None:
    target, depth, source = scene()
    parallel = rigid_flow.rotation_removed(source, R_SOURCE_TARGET)
    on_axis = rigid_flow.coaxial(parallel, depth, SHIFT)
    on_plane = rigid_flow.coplanar(parallel, depth, SHIFT)
    np.testing.assert_allclose(rigid_flow.depth_from_radial(target, on_axis, SHIFT[2]), depth, rtol=1e-9)
    np.testing.assert_allclose(rigid_flow.depth_from_tangential(target, on_plane, SHIFT[:2]), depth, rtol=1e-9)
    np.testing.assert_allclose(rigid_flow.radial_from_depth(target, on_axis, depth), SHIFT[2], rtol=1e-9)
    tangential = rigid_flow.tangential_from_depth(target, on_plane, depth)
    np.testing.assert_allclose(tangential, np.tile(SHIFT[:2], (len(depth), 1)), rtol=1e-9)


def test_only_a_wrong_turn_leaves_the_epipolar_lines_whatever_the_depth_is() -> None:
    target, depth, source = scene()
    right = rigid_flow.rotation_removed(source, R_SOURCE_TARGET)
    assert np.abs(rigid_flow.epipolar_deviation(target, right, SHIFT)).max() < 1e-12
    other_depth = rigid_flow.displaced(target, 2.0 * depth, SHIFT)
    assert np.abs(rigid_flow.epipolar_deviation(target, other_depth, SHIFT)).max() < 1e-12
    wrong = rigid_flow.rotation_removed(source, Rotation.from_rotvec([0.01, 0.0, 0.0]).as_matrix() @ R_SOURCE_TARGET)
    assert np.abs(rigid_flow.epipolar_deviation(target, wrong, SHIFT)).max() > 1e-4


def test_a_turn_alone_leaves_no_flow() -> None:
    target, depth, _ = scene()
    points = (np.column_stack([target, np.ones(len(target))]) * depth[:, None]) @ R_SOURCE_TARGET.T
    parallel = rigid_flow.rotation_removed(points[:, :2] / points[:, 2:], R_SOURCE_TARGET)
    np.testing.assert_allclose(parallel, target, atol=1e-12)


def test_tensors_of_torch_give_the_same() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the extra `train`")
    _, depth, source = scene()
    expected = rigid_flow.coplanar(rigid_flow.rotation_removed(source, R_SOURCE_TARGET), depth, SHIFT)
    one = [torch.from_numpy(array)[None] for array in (source, R_SOURCE_TARGET, depth, SHIFT)]
    found = rigid_flow.coplanar(rigid_flow.rotation_removed(one[0], one[1]), one[2], one[3])
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)
