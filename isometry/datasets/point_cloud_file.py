"""Reader of point clouds and meshes in the common file formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, naming, read_bytes
from isometry.datasets.point_clouds import meshes
from isometry.datasets.point_clouds.arrays import parse_npy, parse_npz
from isometry.datasets.point_clouds.bin_layouts import parse_bin
from isometry.datasets.point_clouds.las import parse_las
from isometry.datasets.point_clouds.pcd import parse_pcd
from isometry.datasets.point_clouds.ply import parse_ply
from isometry.sensing.units import check_coordinates

SCANS = ".bin"

PARSERS: dict[str, Callable[[bytes], Array]] = {
    ".pcd": parse_pcd,
    ".ply": lambda content: meshes.points_of(parse_ply(content)),
    ".las": parse_las,
    ".laz": parse_las,
    ".npy": parse_npy,
    ".npz": parse_npz,
    ".obj": lambda content: meshes.points_of(meshes.parse_obj(content)),
    ".stl": lambda content: meshes.points_of(meshes.parse_stl(content)),
    ".off": lambda content: meshes.points_of(meshes.parse_off(content)),
}


class PointCloudFile(NamedTuple):
    """Finite points (N,3) in the frame and the unit of a file, and how they were read."""

    points: Array
    layout: str  # such as "4 columns of float32, as KITTI", of files whose layout is told from their values


def read_point_cloud(path: Path, columns: int = 0) -> Array:
    """Finite points (N,3) of a file, in its frame; `open_point_cloud` has the details."""
    return open_point_cloud(path, columns).points


def open_point_cloud(path: Path, columns: int = 0) -> PointCloudFile:
    """The finite points of a file.

    The ending gives the format: PCD, PLY, LAS, LAZ, `.bin`, NumPy's .npy and .npz (N,3 or more columns), or a mesh (PLY
    with faces, OBJ, STL, OFF), on which points are sampled (`meshes.points_of`). A `.bin` has no header: it holds
    `columns` of float32, or for 0, what its values tell (`bin_layouts`). Large coordinates, such as UTM in LAS files,
    keep the precision of float64.

    Raises DatasetError, in one line that names the file: it is missing or cut off, does not hold what it promises,
    holds no points, is not in metres, or has another ending. Nothing in a file is believed before it is checked.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending != SCANS and ending not in PARSERS:
        endings = ", ".join([*PARSERS, SCANS])
        raise DatasetError(f"{path}: clouds are read from {endings} files, not from {path.suffix!r} ones")
    if not path.is_file():
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    content, layout = read_bytes(path), ""
    with naming(path):
        if ending == SCANS:
            points, found = parse_bin(content, columns)
            layout = str(found)
        else:
            points = PARSERS[ending](content)
        finite = points[np.isfinite(points).all(axis=1)]
        if len(finite) == 0:
            raise ValueError("no points in it that could be read")
        check_coordinates(finite)
    return PointCloudFile(finite, layout)
