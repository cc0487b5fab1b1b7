"""A folder of meshes, and what is kept beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.arrays import Array, Integers
from isometry.object_pose import mesh as mesh_module
from isometry.object_pose.library import KnownObject, load_library, load_object
from isometry.object_pose.mesh import UnusableMeshError
from isometry.simulation.objects import bracket, can, finer

Read = tuple[Array, Integers, Array | None]


class Meshes:
    """A reader of meshes that are not read from files."""

    def __init__(self) -> None:
        fine = finer(bracket())
        self.mesh: Read = (fine.vertices, fine.triangles, np.tile([0.2, 0.4, 0.6], (len(fine.vertices), 1)))

    def __call__(self, path: Path) -> Read:
        return self.mesh


@pytest.fixture
def read() -> Meshes:
    return Meshes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bracket.ply"
    path.touch()
    return path


def steps_of(path: Path, read: Meshes) -> tuple[KnownObject, list[int]]:
    steps: list[int] = []
    return load_object(path, read, lambda done, total: steps.append(done)), steps


def test_a_preparation_is_kept_and_gives_the_same_model(path: Path, read: Meshes) -> None:
    first, steps = steps_of(path, read)
    second, none = steps_of(path, read)
    assert (first.name, first.loaded, steps) == ("bracket", False, [0, 1, 2, 3])
    assert (second.loaded, none, second.remarks) == (True, [], ())
    for name in ("vertices", "faces", "colours"):
        np.testing.assert_array_equal(getattr(first.model.mesh, name), getattr(second.model.mesh, name))
    np.testing.assert_array_equal(first.model.views.depth, second.model.views.depth)
    np.testing.assert_array_equal(first.model.surface.normals, second.model.surface.normals)
    np.testing.assert_array_equal(first.model.symmetry.shape.turns, second.model.symmetry.shape.turns)
    assert second.model.mesh.diameter == first.model.mesh.diameter
    assert [each.name for each in path.parent.iterdir() if "partial" in each.name] == []


def test_settings_of_another_ending_are_told(path: Path, read: Meshes) -> None:
    path.with_suffix(".yml").write_text("stands: auto")
    assert load_object(path, read).remarks == ("bracket.yml is not read: name it bracket.yaml",)


def test_the_direction_upwards_is_kept_and_stated_anew(path: Path, read: Meshes) -> None:
    assert load_object(path, read).model.upright is None
    path.with_suffix(".yaml").write_text("stands: [0, 1, 0]")
    for loaded in (False, True):
        known = load_object(path, read)
        assert known.loaded == loaded
        assert known.model.upright is not None
        np.testing.assert_allclose(known.model.upright, [0.0, 1.0, 0.0])


def test_another_mesh_another_colour_and_other_settings_are_prepared_anew(path: Path, read: Meshes) -> None:
    load_object(path, read)
    vertices, faces, colours = read.mesh
    assert colours is not None
    read.mesh = (vertices, faces, colours + 0.1)
    again, steps = steps_of(path, read)
    assert len(steps) == 4
    assert again.remarks == (
        "bracket.prepared.npz is of another mesh, other settings or another version: it is made again",
    )
    path.with_suffix(".yaml").write_text("symmetry: {discrete: [{axis: [0, 0, 1], order: 2}]}")
    stated, steps = steps_of(path, read)
    assert len(steps) == 4
    assert len(stated.model.symmetry.shape.turns) == 2
    assert steps_of(path, read)[0].loaded


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_preparation_is_made_again_with_one_line(path: Path, read: Meshes, damage: str) -> None:
    load_object(path, read)
    kept = path.with_suffix(".prepared.npz")
    content = kept.read_bytes()
    kept.write_bytes({"cut": content[: len(content) // 2], "text": b"nothing", "empty": b""}[damage])
    known = load_object(path, read)
    assert known.remarks == ("bracket.prepared.npz is damaged: it is made again",)
    assert load_object(path, read).loaded


def test_a_folder_that_cannot_be_written_is_said_and_used(path: Path, read: Meshes) -> None:
    path.with_suffix(".prepared.npz").mkdir()
    known = load_object(path, read)
    assert "bracket.prepared.npz cannot be written" in known.remarks[-1]
    assert known.model.mesh.diameter > 0.1


def test_a_mesh_in_millimetres_is_noticed_and_named(path: Path, read: Meshes) -> None:
    vertices, faces, colours = read.mesh
    read.mesh = (1000.0 * vertices, faces, colours)
    with pytest.raises(UnusableMeshError, match=r"is it the millimetre\? then write `unit: mm` into bracket.yaml"):
        load_object(path, read)
    path.with_suffix(".yaml").write_text("unit: mm")
    assert load_object(path, read).model.mesh.diameter == pytest.approx(0.15, abs=0.05)


def test_bad_meshes_are_named_in_one_line(path: Path, read: Meshes) -> None:
    vertices, faces, colours = read.mesh
    lost = vertices.copy()
    lost[3] = np.nan
    for mesh, said in (
        ((lost, faces, colours), "1 of .* vertices are not finite"),
        ((vertices[:3], faces, colours), "at least 4"),
        ((vertices, faces * 0, colours), "none of its faces has an area"),
        ((np.zeros((9, 3)), faces[:0], None), "all its vertices are one point"),
    ):
        read.mesh = mesh
        with pytest.raises(UnusableMeshError, match=f"^{path}: .*{said}"):
            load_object(path, read)
    with pytest.raises(UnusableMeshError, match="it is the object's name"):
        load_object(path.with_name("my bracket.ply"), read)


def test_holes_and_bare_points_are_remarked_and_used(path: Path, read: Meshes) -> None:
    vertices, faces, colours = read.mesh
    assert load_object(path, read).remarks == ()
    read.mesh = (vertices, faces[20:], colours)
    assert "its surface is open" in load_object(path, read).remarks[-1]
    read.mesh = (vertices, faces[:0], None)
    assert "a surface is laid through its" in load_object(path, read).remarks[-1]


def test_a_mesh_of_too_many_faces_is_thinned(path: Path, read: Meshes, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = finer(can(), longest=0.004)
    monkeypatch.setattr(mesh_module, "MOST_FACES", len(fine.triangles) // 2)
    monkeypatch.setattr(mesh_module, "THINNED_CELLS", 40)
    read.mesh = (fine.vertices, fine.triangles, None)
    known = load_object(path, read)
    assert f"its {len(fine.triangles)} faces are thinned to" in known.remarks[0]
    assert known.model.symmetry.shape.axis is not None


def test_a_folder_of_meshes_is_a_library(tmp_path: Path, read: Meshes) -> None:
    for name in ("first.ply", "second.STL", "notes.txt", "first.yaml"):
        (tmp_path / name).touch()
    lines: list[str] = []
    library = load_library(tmp_path, read, lines.append)
    assert list(library) == ["first", "second"]
    assert lines == [
        f"{name}: it is prepared for the first time, which takes some seconds" for name in ("first.ply", "second.STL")
    ]
    load_library(tmp_path, read, lines.append)
    assert len(lines) == 2
    (tmp_path / "first.obj").touch()
    with pytest.raises(UnusableMeshError, match=r"first.obj and first.ply would be one object"):
        load_library(tmp_path, read)


def test_folders_without_a_mesh_are_refused(tmp_path: Path, read: Meshes) -> None:
    with pytest.raises(UnusableMeshError, match=r"no mesh in it \(.ply, .obj, .stl, .off\)"):
        load_library(tmp_path, read)
    with pytest.raises(UnusableMeshError, match="no such folder"):
        load_library(tmp_path / "none", read)
