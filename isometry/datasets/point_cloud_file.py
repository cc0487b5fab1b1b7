"""Reader of point clouds and meshes in the common file formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import laspy
import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_bytes
from isometry.datasets.kitti.scans import read_scan

MESH_SAMPLES = 100_000  # points on the surface of a mesh
PLY_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


def read_point_cloud(path: Path) -> Array:
    """Finite points (N,3) of a file, in the frame and the unit of the file.

    The ending gives the format: PCD, PLY, LAS, LAZ, KITTI's .bin, .npy (N,3 or more columns), or a mesh (PLY with
    faces, OBJ, STL, OFF). From a mesh, points are sampled uniformly on the surface, with a fixed seed: its vertices
    would be dense where it is curved and sparse on walls. Large coordinates, such as UTM in LAS files, keep the
    precision of float64.

    Raises DatasetError naming the file when it is missing, cannot be read, holds no points, or has another ending.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DatasetError(f"{path}: clouds are read from {', '.join(READERS)} files, not from {path.suffix!r} ones")
    if not path.is_file():
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    points = reader(path)
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) == 0:
        raise DatasetError(f"{path}: no points in it that could be read")
    return finite


def _read_open3d(path: Path) -> Array:
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        cloud = open3d.t.io.read_point_cloud(path)
    if "positions" not in cloud.point:
        return np.zeros((0, 3))
    return np.asarray(cloud.point.positions.numpy(), dtype=np.float64)


def _read_ply(path: Path) -> Array:
    """Open3D reads the missing end of a truncated PLY as zeros, so that the length is checked first."""
    content = read_bytes(path)
    header, ended, body = content.partition(b"end_header")
    if not content.startswith(b"ply") or not ended:
        raise DatasetError(f"{path}: not a PLY file")
    lines = [line.split() for line in header.decode(errors="replace").splitlines() if line.strip()]
    binary = ["format", "ascii", "1.0"] not in lines
    counts: dict[str, int] = {}
    needed = 0
    try:
        for line in lines:
            if line[0] == "element":
                element = line[1]
                counts[element] = int(line[2])
                needed += 0 if binary else counts[element]  # an ASCII file has a line for each
            elif line[0] == "property" and binary:
                scalar = line[1] != "list"
                corners = 3 if line[-1].startswith("vertex_ind") else 0  # other lists can be empty
                each = PLY_BYTES[line[1]] if scalar else PLY_BYTES[line[2]] + corners * PLY_BYTES[line[3]]
                needed += counts[element] * each
    except (KeyError, IndexError, ValueError, UnboundLocalError) as error:
        raise DatasetError(f"{path}: its header cannot be understood") from error
    if (len(body) if binary else len(body.split(b"\n")) - 1) < needed:
        raise DatasetError(f"{path}: cut off, its header promises more than there is")
    return _read_mesh(path) if counts.get("face") else _read_open3d(path)


def _read_mesh(path: Path) -> Array:
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        mesh = open3d.io.read_triangle_mesh(path)
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles)
    if len(triangles) == 0:
        return np.array(vertices)
    return _on_surface(vertices, triangles, MESH_SAMPLES)


def _on_surface(vertices: Array, triangles: NDArray[np.integer], count: int) -> Array:
    """Points (count,3), uniform on the area of triangles (T,3) of vertices (V,3)."""
    random = np.random.default_rng(0)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    if not 0.0 < areas.sum() < np.inf:
        return np.array(vertices)
    chosen = random.choice(len(triangles), size=count, p=areas / areas.sum())
    u, v = random.random((2, count, 1))
    folded = u + v > 1.0
    u, v = np.where(folded, 1.0 - u, u), np.where(folded, 1.0 - v, v)
    a, b, c = a[chosen], b[chosen], c[chosen]
    points: Array = a + u * (b - a) + v * (c - a)
    return points


def _read_las(path: Path) -> Array:
    try:
        return np.asarray(laspy.read(path).xyz, dtype=np.float64)
    except (laspy.errors.LaspyException, ValueError, OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: not a LAS file that can be read ({error})") from error


def _read_kitti(path: Path) -> Array:
    return read_scan(path)[:, :3].astype(np.float64)


def _read_npy(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DatasetError(f"{path}: not an array that can be read ({error})") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        shape = getattr(array, "shape", "no array")
        raise DatasetError(f"{path}: points must be numbers (N,3), these are {shape}")
    return array[:, :3].astype(np.float64)


READERS: dict[str, Callable[[Path], Array]] = {
    ".pcd": _read_open3d,
    ".ply": _read_ply,
    ".las": _read_las,
    ".laz": _read_las,
    ".bin": _read_kitti,
    ".npy": _read_npy,
    ".obj": _read_mesh,
    ".stl": _read_mesh,
    ".off": _read_mesh,
}
