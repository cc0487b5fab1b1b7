"""What a user says of an object in a YAML file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.object_pose.mesh import ObjectMesh, prepare
from isometry.object_pose.object_settings import UnusableSettingsError, read_settings, write_unit
from isometry.simulation.worlds.shapes import box


@pytest.fixture
def mesh() -> ObjectMesh:
    return prepare(*box((0.06, 0.1, 0.16), (0.02, 0.0, -0.05)))


def written(folder: Path, text: str) -> Path:
    path = folder / "object.yaml"
    path.write_text(text)
    return path


def test_without_a_file_or_with_an_empty_one_nothing_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", written(tmp_path, "")):
        settings = read_settings(path)
        assert (settings.unit, settings.symmetry) == ("m", None)


def test_axes_and_turns_become_a_group_about_the_centre(tmp_path: Path, mesh: ObjectMesh) -> None:
    text = "unit: mm\nsymmetry: {axes: [[0, 0, 2]], discrete: [{axis: [1, 0, 0], order: 2}], centre: [1, 2, 3]}\n"
    settings = read_settings(written(tmp_path, text))
    assert settings.unit == "mm"
    assert settings.symmetry is not None
    found = settings.symmetry.of(mesh, settings.unit)
    assert found.shape.axis is not None
    assert np.allclose(found.shape.axis, [0.0, 0.0, 1.0])
    assert np.allclose(found.shape.turns, [np.eye(3), np.diag([1.0, -1.0, -1.0])])
    assert np.allclose(found.shape.centre, [0.001, 0.002, 0.003])


def test_turns_are_completed_to_a_group_about_the_middle(tmp_path: Path, mesh: ObjectMesh) -> None:
    text = "symmetry: {discrete: [{axis: [0, 0, 1], order: 4}, {axis: [1, 0, 0], order: 2}]}"
    stated = read_settings(written(tmp_path, text)).symmetry
    assert stated is not None
    group = stated.of(mesh, "m").coloured
    assert len(group.turns) == 8
    assert np.allclose(group.turns[0], np.eye(3))
    assert np.allclose(group.centre, mesh.centre)


def test_two_axes_are_a_sphere_and_none_is_no_symmetry(tmp_path: Path, mesh: ObjectMesh) -> None:
    ball = read_settings(written(tmp_path, "symmetry: {axes: [[0, 0, 1], [0, 1, 0]]}")).symmetry
    none = read_settings(written(tmp_path, "symmetry: none")).symmetry
    assert ball is not None
    assert none is not None
    assert ball.of(mesh, "m").shape.sphere
    assert len(none.of(mesh, "m").shape.turns) == 1


def test_the_direction_in_which_an_object_stands_is_stated_or_found(tmp_path: Path, mesh: ObjectMesh) -> None:
    assert read_settings(written(tmp_path, "unit: m")).upright(mesh) is None
    stated = read_settings(written(tmp_path, "stands: [0, 0, -2]")).upright(mesh)
    assert stated is not None
    np.testing.assert_allclose(stated, [0.0, 0.0, -1.0])
    found = read_settings(written(tmp_path, "stands: auto")).upright(mesh)
    assert found is not None
    assert abs(found[0]) == pytest.approx(1.0)  # its largest side is at right angles to x


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stands: [0, 0, 0]", r"stands"),
        ("stands: upside down", r"stands \(or write `stands: auto`\)"),
        ("unit: inch", r"unit 'inch': it must be one of m, cm, mm"),
        ("units: mm", r"the file has no entry 'units' \(there are unit, symmetry, stands\)"),
        ("- 3", r"the file must have entries unit, symmetry"),
        ("symmetry: round", r"symmetry .* must have entries axes, discrete, centre, not 'round'"),
        ("symmetry: {axes: 3}", r"symmetry.axes must be a list"),
        ("symmetry: {axes: [[0, 0]]}", r"symmetry.axes: \[0, 0\] must be three finite numbers"),
        ("symmetry: {axes: [[0, 0, .nan]]}", r"must be three finite numbers"),
        ("symmetry: {axes: [[0, 0, 0]]}", r"symmetry.axes: an axis of zeros"),
        ("symmetry: {discrete: [{axis: [0, 0, 1], order: 1}]}", r"order 1 must be a whole number from 2 to 60"),
        ("symmetry: {discrete: [{axis: [0, 0, 1], order: 5}, {axis: [0, 1, 1], order: 7}]}", r"more than 60"),
        ("symmetry: {axes: [[0, 0, 1]], discrete: [{axis: [1, 0, 0], order: 4}]}", r"to another place"),
        ("symmetry: {axes: [", r"while parsing"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UnusableSettingsError, match=said) as caught:
        read_settings(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_unit_is_written_into_a_file_that_keeps_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, "unit: m\nsymmetry: none\n")
    write_unit(path, "mm")
    settings = read_settings(path)
    assert settings.unit == "mm"
    assert settings.symmetry is not None
    with pytest.raises(ValueError, match="unit 'ft'"):
        write_unit(path, "ft")


def test_a_unit_is_put_into_a_file_of_one_map(tmp_path: Path, mesh: ObjectMesh) -> None:
    path = written(tmp_path, "{unit: m, stands: [0, 0, 1]}")
    write_unit(path, "mm")
    settings = read_settings(path)
    assert settings.unit == "mm"
    assert settings.upright(mesh) is not None
