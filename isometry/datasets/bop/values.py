"""Values of BOP's JSON files, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_text

METRES = 1e-3  # in one of BOP's millimetres
ROTATION_TOLERANCE = 1e-2  # labels are written with few digits


def read_numbered(path: Path) -> dict[int, Any]:
    """The entries of a JSON file whose keys are numbers. Raises DatasetError naming a file that cannot be used."""
    try:
        content = json.loads(read_text(path))
        return {int(key): entry for key, entry in content.items()}
    except (ValueError, AttributeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: not a JSON object whose keys are numbers") from error


def numbers(entry: Mapping[str, Any], name: str, count: int, where: str) -> Array:
    """The finite numbers (count,) of an entry; DatasetError, beginning with `where`, for anything else."""
    try:
        values = np.asarray(entry[name], np.float64).ravel()
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{where}: no numbers {name}") from error
    if len(values) != count or not np.isfinite(values).all():
        raise DatasetError(f"{where}: {name} must be {count} finite numbers")
    return values


def transform(rotation: Array, millimetres: Array, where: str) -> Array:
    """The transform (4,4), metres, of a rotation (9,) row by row and a translation (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.reshape(3, 3)
    matrix[:3, 3] = millimetres * METRES
    off = np.abs(matrix[:3, :3] @ matrix[:3, :3].T - np.eye(3)).max()
    if off > ROTATION_TOLERANCE or np.linalg.det(matrix[:3, :3]) < 0.0:
        raise DatasetError(f"{where}: not a rotation")
    return matrix
