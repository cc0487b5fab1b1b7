"""`isometry object`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.mesh_file import read_mesh
from isometry.simulation.worlds.shapes import box


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["object", *map(str, arguments)])
    return done.exit_code, done.output


@pytest.fixture
def mesh(simulated_bop: Path, tmp_path: Path) -> Path:
    """A painted box in millimetres."""
    return Path(shutil.copy(simulated_bop / "models/obj_000001.ply", tmp_path / "carton.ply"))


def test_a_mesh_is_added_to_a_folder_and_described(mesh: Path, tmp_path: Path) -> None:
    code, said = run("add", mesh, "--to", tmp_path / "objects", "--unit", "mm")
    assert code == 0, said
    assert "60 x 100 x 160 mm" in said
    assert "3 turns (180 deg about" in said
    assert sorted(path.name for path in (tmp_path / "objects").iterdir()) == [
        "carton.ply",
        "carton.prepared.npz",
        "carton.yaml",
    ]
    assert not mesh.with_suffix(".yaml").exists()
    code, said = run("add", tmp_path / "objects/carton.ply")
    assert code == 0
    assert "prepared before" in said


def test_what_cannot_be_used_is_said_in_one_line_and_leaves_nothing_behind(mesh: Path, tmp_path: Path) -> None:
    code, said = run("add", mesh, "--to", tmp_path / "objects")
    assert code == 1
    assert "is it the millimetre?" in said
    assert list((tmp_path / "objects").iterdir()) == []
    for arguments, expected in (
        (("add", tmp_path / "none.ply"), "no such file"),
        (("add", mesh, "--unit", "ft"), "unit 'ft'"),
        (("view", tmp_path), "name one of the meshes in it"),
    ):
        code, said = run(*arguments)
        assert code == 1
        assert expected in said


def test_a_page_shows_the_mesh_and_its_axes(mesh: Path, tmp_path: Path) -> None:
    mesh.with_suffix(".yaml").write_text("unit: mm")
    code, said = run("view", mesh, "--page", tmp_path / "carton.html")
    assert code == 0, said
    page = (tmp_path / "carton.html").read_text()
    assert "mesh3d" in page
    assert "turns by 180 deg" in page
    assert "60 x 100 x 160 mm" in page


def textured(folder: Path, colour: tuple[int, int, int]) -> Path:
    """A box of one colour, whose texture is in a folder of its own, named as those of all objects are."""
    (folder / "maps").mkdir(parents=True)
    Image.new("RGB", (4, 4), colour).save(folder / "maps/textured.png")
    (folder / "textured.mtl").write_text("newmtl all\nmap_Kd maps/textured.png\n")
    shape = box((0.06, 0.1, 0.16), (0.0, 0.0, 0.0))
    lines = ["mtllib textured.mtl", "usemtl all", "vt 0.5 0.5"]
    lines += [f"v {x} {y} {z}" for x, y, z in shape.vertices]
    lines += [f"f {a}/1 {b}/1 {c}/1" for a, b, c in shape.triangles + 1]
    path = folder / f"{folder.name}.obj"
    path.write_text("\n".join(lines))
    return path


def test_objects_whose_textures_have_one_name_keep_their_colours(tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    paints = {"red": (220, 10, 10), "blue": (10, 10, 220)}
    for name, paint in paints.items():
        code, said = run("add", textured(tmp_path / name, paint), "--to", objects)
        assert code == 0, said
    for name, paint in paints.items():
        colours = read_mesh(objects / f"{name}.ply").colours
        assert colours is not None
        assert np.allclose(255.0 * colours, paint, atol=2.0)


def test_an_object_of_another_ending_is_not_added_twice(mesh: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    assert run("add", mesh, "--to", objects, "--unit", "mm")[0] == 0
    other = tmp_path / f"{mesh.stem}.stl"
    other.write_bytes(b"solid")
    code, said = run("add", other, "--to", objects)
    assert code == 1
    assert f"{mesh.name}: is there already, and {other.name} would be the same object" in said


def test_what_the_folder_says_of_an_object_stays_when_it_is_added_again(mesh: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    assert run("add", mesh, "--to", objects, "--unit", "mm")[0] == 0
    with (objects / f"{mesh.stem}.yaml").open("a") as file:
        file.write("symmetry: none\n")
    code, said = run("add", mesh, "--to", objects)
    assert code == 0, said
    assert (objects / f"{mesh.stem}.yaml").read_text() == "unit: mm\nsymmetry: none\n"


def test_a_unit_that_does_not_help_is_not_left_behind(mesh: Path, tmp_path: Path) -> None:
    for name, before in (("a", None), ("b", "symmetry: none\n")):
        path = tmp_path / f"{name}.ply"
        path.write_bytes(mesh.read_bytes())
        if before is not None:
            path.with_suffix(".yaml").write_text(before)
        assert run("add", path, "--unit", "m")[0] == 1
        left = path.with_suffix(".yaml").read_text() if path.with_suffix(".yaml").exists() else None
        assert left == before


def test_errors_name_the_mesh_of_the_user_and_keep_brackets(tmp_path: Path) -> None:
    path = tmp_path / "[old]/bad.ply"
    path.parent.mkdir()
    path.write_text("not a mesh")
    code, said = run("add", path, "--to", tmp_path / "objects")
    assert code == 1
    assert f"error: {path}" in said.replace("\n", "")
