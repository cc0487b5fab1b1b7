"""`isometry object`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app


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
