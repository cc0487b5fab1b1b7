"""The known objects: a folder of meshes that the user drops in, one file for each object, named as the object is.

objects/mug.ply             the mesh
objects/mug.yaml            what the user says of it, if anything          object_settings.py
objects/mug.prepared.npz    what is derived from it, made when it lacks    prepared_file.py
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from isometry.arrays import Array, Integers
from isometry.object_pose.mesh import ObjectMesh, OtherUnitError, UnusableMeshError, prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.object_settings import ObjectSettings, read_settings
from isometry.object_pose.prepared_file import StalePreparationError, key_of, load_prepared, save_prepared

ENDINGS = (".ply", ".obj", ".stl", ".off")
NAME = re.compile(r"[\w.-]+")  # what a frame of TF can be called
ReadMesh = Callable[[Path], tuple[Array, Integers, Array | None]]
"""Reads vertices (V,3), faces (F,3) and, where known, colours (V,3) from a file; a ValueError names the file."""


@dataclass(frozen=True, eq=False)
class KnownObject:
    """An object of the library."""

    name: str
    path: Path  # of its mesh
    model: ObjectModel
    remarks: tuple[str, ...]  # what the user should know of the mesh or of its file, a line each
    loaded: bool  # whether the preparation was there already


def mesh_files(folder: Path) -> list[Path]:
    """The meshes in a folder by name. Raises UnusableMeshError in one line when there are none, or two of one name."""
    if not folder.is_dir():
        raise UnusableMeshError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise UnusableMeshError(f"{folder}: no mesh in it ({', '.join(ENDINGS)})")
    for first, second in pairwise(files):
        if first.stem == second.stem:
            raise UnusableMeshError(f"{folder}: {first.name} and {second.name} would be one object: rename one of them")
    return files


def load_object(
    path: Path, read: ReadMesh, advance: Callable[[int, int], None] = lambda done, total: None
) -> KnownObject:
    """The object of a mesh; it is prepared, and the preparation kept beside the mesh, where that has not been done.

    `advance` is told how many of the steps of a preparation are done. Raises ValueError, whose message of one line
    names the file and what is wrong with it.
    """
    if not NAME.fullmatch(path.stem):
        raise UnusableMeshError(f"{path}: name it with letters, digits, '_', '-' and '.' only: it is the object's name")
    vertices, faces, colours = read(path)
    settings = read_settings(path.with_suffix(".yaml"))
    key = key_of(vertices, faces, colours, settings)
    kept = path.with_suffix(".prepared.npz")
    remarks: list[str] = []
    if path.with_suffix(".yml").is_file():
        remarks.append(f"{path.stem}.yml is not read: name it {path.stem}.yaml")
    model = None
    if kept.exists():
        try:
            model = load_prepared(kept, key)
        except StalePreparationError as error:
            remarks.append(f"{kept.name} is {error}: it is made again")
    loaded = model is not None
    if model is None:
        model = _prepared(path, vertices, faces, colours, settings, advance)
        try:
            save_prepared(kept, model, key)
        except OSError as error:
            remarks.append(f"{kept.name} cannot be written ({error.strerror}): it will be prepared at each start")
    return KnownObject(path.stem, path, model, (*remarks, *_remarks(model.mesh, len(faces))), loaded)


def load_library(
    folder: Path, read: ReadMesh, told: Callable[[str], None] = lambda line: None
) -> dict[str, KnownObject]:
    """All objects of a folder by name; each that must be prepared is told in a line, and so are all remarks.

    Raises ValueError as `mesh_files` and `load_object` do.
    """
    objects = {}
    for path in mesh_files(folder):
        known = load_object(path, read, _announcing(path, told))
        objects[known.name] = known
        for remark in known.remarks:
            told(f"{path.name}: {remark}")
    return objects


def _announcing(path: Path, told: Callable[[str], None]) -> Callable[[int, int], None]:
    def advance(done: int, total: int) -> None:
        if done == 0:
            told(f"{path.name}: it is prepared for the first time, which takes some seconds")

    return advance


def _prepared(
    path: Path,
    vertices: Array,
    faces: Integers,
    colours: Array | None,
    settings: ObjectSettings,
    advance: Callable[[int, int], None],
) -> ObjectModel:
    try:
        mesh = prepare(vertices, faces, colours, settings.unit)
        symmetry = None if settings.symmetry is None else settings.symmetry.of(mesh, settings.unit)
        return prepare_model(mesh, symmetry, upright=settings.upright(mesh), advance=advance)
    except OtherUnitError as error:
        hint = f"then write `unit: {error.unit}` into {path.with_suffix('.yaml').name} beside it"
        raise UnusableMeshError(f"{path}: {error} {hint}") from error
    except ValueError as error:
        raise UnusableMeshError(f"{path}: {error}") from error


def _remarks(mesh: ObjectMesh, faces_read: int) -> list[str]:
    if mesh.from_points:
        return [f"it has no faces: a surface is laid through its {len(mesh.vertices)} points"]
    remarks = []
    if len(mesh.faces) < 0.5 * faces_read:
        remarks.append(f"its {faces_read} faces are thinned to {len(mesh.faces)}: no camera resolves more")
    holes = _open_share(mesh)
    if holes > 0.0:
        remarks.append(f"its surface is open: {100.0 * holes:.2g} % of its edges are of one face only")
    return remarks


def _open_share(mesh: ObjectMesh) -> float:
    """The share of the edges that belong to one face only; vertices at the same place are one."""
    _, same = np.unique(mesh.vertices, axis=0, return_inverse=True)
    corners = same.reshape(-1)[mesh.faces]
    edges = np.sort(corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    numbers = edges[:, 0].astype(np.int64) * len(mesh.vertices) + edges[:, 1]
    _, counts = np.unique(numbers, return_counts=True)
    return float(np.mean(counts == 1))
