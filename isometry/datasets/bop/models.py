"""The models of a BOP data set: meshes or sets of points, diameters, symmetries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.bop.values import METRES, numbers, read_numbered, transform
from isometry.datasets.errors import DatasetError
from isometry.datasets.mesh_file import MeshFile, read_mesh

FOLDERS = ("models", "models_eval", "models_cad", "models_reconst")  # the first that exists is read
INFO = "models_info.json"


@dataclass(frozen=True, eq=False)
class ContinuousSymmetry:
    """Any turn about an axis leaves the object as it is."""

    axis: Array  # (3,) unit, in the object's frame
    offset: Array  # (3,) metres, a point on the axis


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """What `models_info.json` tells of an object."""

    diameter: float  # metres
    discrete: Array  # (D,4,4) transforms, metres, that leave the object as it is, without the identity
    continuous: tuple[ContinuousSymmetry, ...]


class BopModels:
    """The models of a data set by the number of the object. A mesh is read when it is asked for."""

    def __init__(self, root: Path) -> None:
        """Raises DatasetError naming what is missing or cannot be used."""
        self.folder = next((root / name for name in FOLDERS if (root / name).is_dir()), root / FOLDERS[0])
        path = self.folder / INFO
        entries = read_numbered(path)
        self.infos = {number: _info(entry, f"{path}: object {number}") for number, entry in entries.items()}
        self.mesh = lru_cache(None)(self._mesh)

    def info(self, number: int) -> ModelInfo:
        """Diameter and symmetries of an object. Raises DatasetError for one that the data set does not have."""
        if number not in self.infos:
            raise DatasetError(f"{self.folder / INFO}: no object {number}")
        return self.infos[number]

    def path(self, number: int) -> Path:
        """The file of an object's mesh."""
        return self.folder / f"obj_{number:06d}.ply"

    def _mesh(self, number: int) -> MeshFile:
        """The mesh or the set of points of an object, in metres. Raises DatasetError naming its file."""
        mesh = read_mesh(self.path(number))
        return mesh._replace(vertices=mesh.vertices * METRES)


def _info(entry: Mapping[str, Any], where: str) -> ModelInfo:
    if not isinstance(entry, dict):
        raise DatasetError(f"{where}: not a JSON object")
    discrete = [numbers({"symmetry": each}, "symmetry", 16, where) for each in entry.get("symmetries_discrete", [])]
    continuous = [
        ContinuousSymmetry(_unit(numbers(each, "axis", 3, where), where), numbers(each, "offset", 3, where) * METRES)
        for each in entry.get("symmetries_continuous", [])
    ]
    turns = [transform(np.delete(each, [3, 7, 11, 12, 13, 14, 15]), each[[3, 7, 11]], where) for each in discrete]
    return ModelInfo(
        diameter=float(numbers(entry, "diameter", 1, where)[0]) * METRES,
        discrete=np.array(turns).reshape(-1, 4, 4),
        continuous=tuple(continuous),
    )


def _unit(axis: Array, where: str) -> Array:
    length = float(np.linalg.norm(axis))
    if length == 0.0:
        raise DatasetError(f"{where}: an axis of zeros")
    return axis / length
