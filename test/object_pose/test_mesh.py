"""What is made of a mesh, and what is said of one that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.object_pose import mesh as module
from isometry.object_pose.mesh import UnusableMeshError, prepare
from isometry.object_pose.rendering import Renderer
from isometry.simulation.objects import can, finer, mug
from isometry.simulation.worlds.shapes import box

ORIGIN = (0.0, 0.0, 0.0)


def test_normals_point_outwards_and_the_diameter_is_the_diagonal() -> None:
    vertices, faces = box((0.1, 0.2, 0.2), ORIGIN)
    mesh = prepare(1000.0 * vertices + 50.0, faces, unit="mm")
    assert mesh.diameter == pytest.approx(0.3)
    np.testing.assert_allclose(mesh.centre, [0.05, 0.05, 0.15])
    assert np.all(np.sum(mesh.normals * (mesh.vertices - mesh.centre), axis=1) > 0.0)
    assert mesh.face_areas.sum() == pytest.approx(2 * (0.02 + 0.02 + 0.04))
    np.testing.assert_allclose(np.linalg.norm(mesh.face_normals, axis=1), 1.0)


def test_the_input_is_not_changed() -> None:
    vertices, faces = mug()
    before = vertices.copy(), faces.copy()
    prepare(vertices, faces)
    np.testing.assert_array_equal(vertices, before[0])
    np.testing.assert_array_equal(faces, before[1])


@pytest.mark.parametrize(("unit", "scale", "named"), [("m", 1e3, "millimetre"), ("m", 1e2, "centimetre")])
def test_another_unit_is_named(unit: str, scale: float, named: str) -> None:
    vertices, faces = box((0.1, 0.2, 0.2), ORIGIN)
    with pytest.raises(
        UnusableMeshError, match=rf"its diameter is .* m where its unit is the metre: is it the {named}"
    ):
        prepare(scale * vertices, faces, unit=unit)


def test_metres_given_as_millimetres_are_named() -> None:
    with pytest.raises(UnusableMeshError, match=r"where its unit is the millimetre: is it the metre\?"):
        prepare(*box((0.1, 0.2, 0.2), ORIGIN), unit="mm")


def test_what_is_wrong_is_named() -> None:
    vertices, faces = box((0.1, 0.2, 0.2), ORIGIN)
    lost = vertices.copy()
    lost[3, 1] = np.nan
    with pytest.raises(UnusableMeshError, match=r"^1 of 8 vertices are not finite$"):
        prepare(lost, faces)
    with pytest.raises(UnusableMeshError, match=r"a face has a vertex that does not exist \(there are 8\)"):
        prepare(vertices, faces + 1)
    with pytest.raises(UnusableMeshError, match=r"at least 4 of \(V,3\) are needed"):
        prepare(vertices[:3], faces)
    with pytest.raises(UnusableMeshError, match=r"none of its faces has an area"):
        prepare(vertices, np.zeros((2, 3), np.int64))
    with pytest.raises(UnusableMeshError, match=r"all its vertices are one point"):
        prepare(np.zeros((8, 3)), faces)
    with pytest.raises(UnusableMeshError, match=r"colours of shape \(2, 3\) for vertices of shape \(8, 3\)"):
        prepare(vertices, faces, np.zeros((2, 3)))
    with pytest.raises(UnusableMeshError, match=r"unit 'inch': it must be one of m, cm, mm"):
        prepare(vertices, faces, unit="inch")
    with pytest.raises(UnusableMeshError, match=r"no surface can be laid through its 4 points"):
        prepare(np.pad(np.eye(3), ((0, 1), (0, 0))) * [1.0, 1.0, 0.0], np.zeros((0, 3), np.int64))


def test_a_mesh_of_very_many_faces_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FACES", 1000)
    monkeypatch.setattr(module, "THINNED_CELLS", 10)
    vertices, faces = finer(box((0.1, 0.1, 0.1), ORIGIN))
    mesh = prepare(vertices, faces, np.full_like(vertices, 0.25))
    assert 0 < len(mesh.faces) < 2000 < len(faces)
    assert mesh.colours is not None
    np.testing.assert_allclose(mesh.colours, 0.25)
    assert mesh.diameter == pytest.approx(0.1 * 3**0.5)


def test_a_surface_is_laid_through_a_set_of_points(random: np.random.Generator) -> None:
    whole = prepare(*can())
    a, b, c = np.moveaxis(whole.vertices[whole.faces], 1, 0)
    chosen = random.choice(len(whole.faces), 3000, p=whole.face_areas / whole.face_areas.sum())
    u, v = np.sort(random.random((2, 3000, 1)), axis=0)
    points = u * a[chosen] + (v - u) * b[chosen] + (1.0 - v) * c[chosen]
    mesh = prepare(points, np.zeros((0, 3), np.int64))
    assert mesh.from_points
    rays = np.column_stack([np.mgrid[-0.1:0.1:41j, -0.1:0.1:41j].reshape(2, -1).T, np.ones(41**2)])
    pose = np.eye(4)
    pose[:3, :3], pose[2, 3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]], 0.6
    depth, expected = (Renderer(each).depth(pose, rays) for each in (mesh, whole))
    assert ((depth > 0) == (expected > 0)).mean() > 0.98
    both = (depth > 0) & (expected > 0)
    assert np.median(np.abs(depth - expected)[both]) < 0.001
