"""The file of a prepared model, beside its mesh: a .npz that is known by what it was made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Integers
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import SURFACE_POINTS, ObjectModel, assembled
from isometry.object_pose.object_settings import ObjectSettings
from isometry.object_pose.surface import SurfacePoints
from isometry.object_pose.symmetry import Symmetry
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.object_pose.views import ROTATIONS, SIZE, Views

VERSION = 2
"""To be raised with every change of what `prepare_model` makes: files of other versions are made again."""
GROUPS = ("shape", "coloured")


class StalePreparationError(ValueError):
    """A file that is not of this mesh, these settings and this version; the message says so in a few words."""


def key_of(vertices: Array, faces: Integers, colours: Array | None, settings: ObjectSettings) -> str:
    """The sha256 of all that a preparation is made of: the mesh as it was read, settings and version.

    It is of what was read and not of the file's bytes, so that another texture counts as well.
    """
    digest = hashlib.sha256(f"{VERSION} {settings.text}".encode())
    for array in (vertices, faces, np.zeros(0) if colours is None else colours):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_prepared(path: Path, model: ObjectModel, key: str) -> None:
    """Write a model under a temporary name, then rename it. Raises OSError."""
    mesh, surface, views = model.mesh, model.surface, model.views
    arrays: dict[str, Any] = {
        "key": key,
        "vertices": mesh.vertices,
        "faces": mesh.faces,
        "colours": np.zeros((0, 3)) if mesh.colours is None else mesh.colours,
        "diameter": mesh.diameter,
        "from_points": mesh.from_points,
        "points": surface.points,
        "normals": surface.normals,
        "point_colours": surface.colours,
        "view_rotations": views.rotations,
        "view_depth": views.depth,
        "upright": np.zeros(0) if model.upright is None else model.upright,
    }
    for name, group in zip(GROUPS, (model.symmetry.shape, model.symmetry.coloured), strict=True):
        arrays |= {
            f"{name}_centre": group.centre,
            f"{name}_turns": group.turns,
            f"{name}_axis": np.zeros(0) if group.axis is None else group.axis,
            f"{name}_sphere": group.sphere,
        }
    unfinished = path.with_suffix(".partial.npz")
    try:
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_prepared(path: Path, key: str) -> ObjectModel:
    """The model of a file. Raises StalePreparationError: it is of something else, or damaged."""
    try:
        with np.load(path) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except (OSError, EOFError, LookupError, MemoryError, ValueError, BadZipFile) as error:
        raise StalePreparationError("damaged") from error
    if str(arrays.get("key")) != key:
        raise StalePreparationError("of another mesh, other settings or another version")
    try:
        return _model(arrays)
    except (LookupError, TypeError, ValueError) as error:
        raise StalePreparationError("damaged") from error


def _model(arrays: dict[str, NDArray[Any]]) -> ObjectModel:
    count = len(arrays["vertices"])
    _check(arrays, "vertices", (count, 3))
    _check(arrays, "faces", (len(arrays["faces"]), 3))
    for name in ("points", "normals", "point_colours"):
        _check(arrays, name, (SURFACE_POINTS, 3))
    _check(arrays, "view_rotations", (ROTATIONS, 3, 3))
    _check(arrays, "view_depth", (ROTATIONS, SIZE, SIZE))
    colours = arrays["colours"] if len(arrays["colours"]) else None
    diameter = float(arrays["diameter"])
    mesh = ObjectMesh(arrays["vertices"], arrays["faces"], colours, diameter, bool(arrays["from_points"]))
    surface = SurfacePoints(arrays["points"], arrays["normals"], arrays["point_colours"])
    views = Views(arrays["view_rotations"], arrays["view_depth"], diameter)
    upright = arrays["upright"] if len(arrays["upright"]) else None
    if upright is not None:
        _check(arrays, "upright", (3,))
    symmetry = Symmetry(*(_group(arrays, name) for name in GROUPS))
    return assembled(mesh, symmetry, surface, views, upright=upright)


def _group(arrays: dict[str, NDArray[Any]], name: str) -> SymmetryGroup:
    turns, axis = arrays[f"{name}_turns"], arrays[f"{name}_axis"]
    _check(arrays, f"{name}_turns", (len(turns), 3, 3))
    return SymmetryGroup(
        arrays[f"{name}_centre"], turns, axis if len(axis) else None, sphere=bool(arrays[f"{name}_sphere"])
    )


def _check(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> None:
    if arrays[name].shape != shape:
        raise ValueError(f"{name} of shape {arrays[name].shape}")
