"""Symmetries of generated objects, however they lie and whatever the order of their vertices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import open3d
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.object_pose.mesh import prepare
from isometry.object_pose.symmetry import Symmetry, find_symmetry
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.simulation.objects import bowl, bracket, can, disguised, finer, mug, prism
from isometry.simulation.worlds.shapes import Mesh, box

ORIGIN = (0.0, 0.0, 0.0)
Z = np.array([0.0, 0.0, 1.0])


def ball() -> Mesh:
    sphere = open3d.geometry.TriangleMesh.create_sphere(0.06, 40)
    return Mesh(np.asarray(sphere.vertices), np.asarray(sphere.triangles).astype(np.int64))


SHAPES: dict[str, tuple[Callable[[], Mesh], str, int]] = {
    "box": (lambda: box((0.06, 0.1, 0.2), ORIGIN), "turns", 4),
    "box with a square base": (lambda: box((0.06, 0.06, 0.2), ORIGIN), "turns", 8),
    "cube": (lambda: box((0.1, 0.1, 0.1), ORIGIN), "turns", 24),
    "bracket": (bracket, "turns", 1),
    "mug whose lower half is like the upper": (mug, "turns", 2),
    "prism of 3": (lambda: prism(3, 0.05, 0.08), "turns", 6),
    "prism of 5": (lambda: prism(5, 0.05, 0.08), "turns", 10),
    "prism of 6": (lambda: prism(6, 0.05, 0.08), "turns", 12),
    "can": (can, "axis", 2),
    "bowl": (bowl, "axis", 1),
    "ball": (ball, "sphere", 1),
}


def found(mesh: Mesh, colours: Array | None = None) -> Symmetry:
    return find_symmetry(prepare(mesh.vertices, mesh.triangles, colours))


@pytest.mark.parametrize("name", SHAPES)
def test_the_symmetry_of_a_shape_is_found_wherever_it_lies(name: str, random: np.random.Generator) -> None:
    shape, kind, count = SHAPES[name]
    mesh, rotation, _ = disguised(shape(), random)
    group = found(mesh).shape
    assert (group.sphere, group.axis is not None) == (kind == "sphere", kind == "axis")
    assert len(group.turns) == count
    np.testing.assert_array_equal(group.turns[0], np.eye(3))
    if group.axis is not None:
        assert abs(group.axis @ rotation @ Z) > np.cos(np.radians(1.0))
    # the turns form a group: products are in it
    for product in np.einsum("aij,bjk->abik", group.turns, group.turns).reshape(-1, 3, 3):
        assert Rotation.from_matrix(group.turns @ product.T).magnitude().min() < np.radians(3.0)


def test_the_turns_bring_the_vertices_back(random: np.random.Generator) -> None:
    mesh, _, _ = disguised(prism(6, 0.05, 0.08), random)
    group = found(mesh).shape
    for T in group.transforms(0.1):
        moved = mesh.vertices @ T[:3, :3].T + T[:3, 3]
        assert np.linalg.norm(moved[:, None] - mesh.vertices, axis=2).min(axis=1).max() < 0.003


def test_a_handle_breaks_the_symmetry_of_a_can(random: np.random.Generator) -> None:
    vertices, triangles = mug()
    higher = vertices + np.where(vertices[:, :1] > 0.0401, [0.0, 0.0, 0.015], 0.0)
    assert len(found(disguised(Mesh(higher, triangles), random)[0]).shape.turns) == 1


def painted(mesh: Mesh, colour: Callable[[Array], Array], random: np.random.Generator) -> Symmetry:
    fine = finer(mesh)
    hidden, _, order = disguised(fine, random)
    return found(hidden, colour(fine.vertices)[order])


def label(width_rad: float, count: int = 1) -> Callable[[Array], Array]:
    """White, with `count` red labels around z."""

    def colour(points: Array) -> Array:
        around = np.arctan2(points[:, 1], points[:, 0]) % (2.0 * np.pi / count)
        return np.where((around < width_rad)[:, None], [0.8, 0.1, 0.1], [0.9, 0.9, 0.9])

    return colour


def test_colours_without_a_pattern_leave_the_symmetry_as_it_is(random: np.random.Generator) -> None:
    symmetry = painted(can(), lambda points: np.full_like(points, 0.3), random)
    assert symmetry.coloured.axis is not None
    assert len(symmetry.coloured.turns) == 2


def test_a_label_breaks_the_symmetry_of_a_can(random: np.random.Generator) -> None:
    symmetry = painted(can(), label(1.5), random)
    assert symmetry.shape.axis is not None
    assert symmetry.coloured.axis is None
    # the half turn about an axis through the middle of the label is left
    assert len(symmetry.coloured.turns) == 2


def test_two_equal_labels_leave_a_half_turn(random: np.random.Generator) -> None:
    symmetry = painted(can(), label(1.0, 2), random)
    assert symmetry.coloured.axis is None
    assert len(symmetry.coloured.turns) == 4


def test_a_lid_of_another_colour_leaves_the_axis(random: np.random.Generator) -> None:
    symmetry = painted(can(), lambda p: np.where(p[:, 2:] > 0.07, [0.1, 0.1, 0.8], [0.9, 0.9, 0.9]), random)
    assert len(symmetry.shape.turns) == 2
    assert symmetry.coloured.axis is not None
    assert len(symmetry.coloured.turns) == 1


def test_a_side_of_another_colour_breaks_the_symmetry_of_a_box(random: np.random.Generator) -> None:
    mesh = box((0.06, 0.1, 0.2), ORIGIN)
    symmetry = painted(mesh, lambda p: np.where(p[:, :1] > 0.029, [0.1, 0.6, 0.1], [0.8, 0.8, 0.7]), random)
    assert len(symmetry.shape.turns) == 4
    assert len(symmetry.coloured.turns) == 2


def about(axis: Array, degrees: float) -> Array:
    matrix: Array = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    return matrix


def test_angles_are_measured_up_to_the_turns(random: np.random.Generator) -> None:
    true: Array = Rotation.random(random_state=1).as_matrix()
    none = SymmetryGroup(np.zeros(3), np.eye(3)[None])
    half = SymmetryGroup(np.zeros(3), np.array([np.eye(3), about(Z, 180.0)]))
    whole = SymmetryGroup(np.zeros(3), np.eye(3)[None], Z)
    tilted = true @ about(Z, 170.0) @ about(np.array([1.0, 0.0, 0.0]), 7.0)
    assert np.degrees(none.angle(true @ about(Z, 170.0), true)) == pytest.approx(170.0)
    assert np.degrees(half.angle(true @ about(Z, 170.0), true)) == pytest.approx(10.0)
    assert np.degrees(whole.angle(tilted, true)) == pytest.approx(7.0)
    assert SymmetryGroup(np.zeros(3), np.eye(3)[None], sphere=True).angle(tilted, true) == 0.0


def test_the_nearest_of_the_poses_that_look_the_same_is_found(random: np.random.Generator) -> None:
    centre = np.array([0.3, -0.1, 0.2])
    flip = about(np.array([1.0, 0.0, 0.0]), 180.0)
    group = SymmetryGroup(centre, np.array([np.eye(3), flip]), Z)
    true, estimated = np.eye(4), np.eye(4)
    true[:3, 3] = [0.0, 0.0, 0.7]
    estimated[:3, :3] = about(Z, 77.0) @ flip @ about(np.array([0.0, 1.0, 0.0]), 3.0)
    nearest = group.nearest(estimated, true)
    apart = Rotation.from_matrix(nearest[:3, :3].T @ estimated[:3, :3]).magnitude()
    assert apart == pytest.approx(group.angle(estimated[:3, :3], true[:3, :3]), abs=1e-9)
    assert np.degrees(apart) == pytest.approx(3.0)
    np.testing.assert_allclose(nearest[:3, :3] @ centre + nearest[:3, 3], centre + true[:3, 3])
