"""Small text files of recordings: lines of words with comments, the matrix of a camera, poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_text
from isometry.datasets.kitti.scans import read_table

SKEWED = 1e-2  # of a rotation times its transpose; files have few digits


def read_lines(path: Path, columns: int) -> list[list[str]]:
    """The words of each line that is no comment. Raises DatasetError naming a line with more or fewer of them."""
    lines = read_text(path).splitlines()
    found = [(k, line.split()) for k, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    for number, words in found:
        if len(words) != columns:
            raise DatasetError(f"{path}: line {number} has {len(words)} words, and {columns} are expected")
    if not found:
        raise DatasetError(f"{path}: empty")
    return [words for _, words in found]


def finite(path: Path, words: list[str]) -> Array:
    """Words as numbers (C,). Raises DatasetError naming the file and the words that are not finite numbers."""
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise DatasetError(f"{path}: {' '.join(words)!r} are not finite numbers")
    return values


def read_numbers(path: Path, columns: int) -> Array:
    """Numbers (R,columns) of a file with comments. Raises DatasetError naming what is not a finite number."""
    return np.array([finite(path, words) for words in read_lines(path, columns)])


def read_camera_matrix(path: Path) -> Array:
    """Intrinsic matrix (3,3) in pixels. Raises DatasetError for another content."""
    matrix = read_table(path)
    if matrix.shape != (3, 3) or matrix[0, 0] <= 0.0 or matrix[1, 1] <= 0.0:
        raise DatasetError(f"{path}: not the 3x3 matrix of a camera")
    return matrix


def read_pose(path: Path) -> Array:
    """A pose (4,4) in a file of its own. Raises DatasetError for another content."""
    pose = read_table(path)
    if pose.shape != (4, 4):
        raise DatasetError(f"{path}: a pose is 4 lines of 4 numbers")
    check_pose(pose, str(path))
    return pose


def check_pose(pose: Array, where: str) -> None:
    """Raise DatasetError, which begins with `where`, unless the matrix (4,4) is a rotation and a translation."""
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > SKEWED or np.linalg.det(rotation) < 0.0:
        raise DatasetError(f"{where}: not a rotation and a translation")
