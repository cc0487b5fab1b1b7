"""Reader of RGB-D recordings in the layout of TUM.

Sturm et al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012.

DIR/{rgb.txt, depth.txt} name images by their stamps, DIR/groundtruth.txt has poses at stamps of its own. Where they are
there, camera-intrinsics.txt, camera-distortion.txt (k1 k2 p1 p2 k3) and depth-factor.txt replace what TUM publishes for
all its recordings. Depth is registered to colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from isometry.arrays import Array, Index
from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.recording import CameraRecording, DepthFormat, camera_of_images
from isometry.datasets.rgbd.tables import finite, read_camera_matrix, read_lines, read_numbers

MATRIX = np.array([[525.0, 0.0, 319.5], [0.0, 525.0, 239.5], [0.0, 0.0, 1.0]])  # "the ROS default"
DEPTH_FACTOR = 5000.0  # numbers of a depth image in a metre
TOGETHER_S = 0.02  # between colour and depth of a frame, and to a pose, as in TUM's associate.py
BETWEEN_S = 0.25  # between two poses of which one between them is interpolated


def is_tum(root: Path) -> bool:
    """Whether a folder has this layout."""
    return (root / "rgb.txt").exists()


def open_tum(root: Path) -> CameraRecording:
    """A recording. Its frames are pairs of colour and depth, with the stamp and the pose of the colour.

    A pose is interpolated where its neighbours are at most 0.25 s apart; else it is the nearest one within 0.02 s, and
    NaN without. Raises DatasetError naming what is missing or cannot be used.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such directory")
    stamps_s, colour = _images(root, "rgb.txt")
    depth: tuple[Path, ...] = ()
    delays_s: Array | None = None
    if (root / "depth.txt").exists():
        depth_stamps_s, depth_paths = _images(root, "depth.txt")
        first, second = associated(stamps_s, depth_stamps_s)
        if len(first) == 0:
            raise DatasetError(f"{root}: no image of rgb.txt is within {TOGETHER_S} s of one of depth.txt")
        delays_s = depth_stamps_s[second] - stamps_s[first]
        stamps_s, colour = stamps_s[first], [colour[k] for k in first]
        depth = tuple(depth_paths[k] for k in second)
    intrinsics, distortion, factor = (
        root / name for name in ("camera-intrinsics.txt", "camera-distortion.txt", "depth-factor.txt")
    )
    matrix = read_camera_matrix(intrinsics) if intrinsics.exists() else MATRIX
    coefficients = tuple(read_numbers(distortion, 5)[0].tolist()) if distortion.exists() else ()
    truth = root / "groundtruth.txt"
    return CameraRecording(
        name=root.resolve().name,
        stamps_s=stamps_s,
        colour_paths=tuple(colour),
        camera=camera_of_images(matrix, colour[0], "plumb_bob" if any(coefficients) else "", coefficients),
        depth_paths=depth,
        depth_delays_s=delays_s,
        depth_format=DepthFormat(1.0 / (_depth_factor(factor) if factor.exists() else DEPTH_FACTOR)),
        T_world_pose=_poses_at(stamps_s, truth) if truth.exists() else None,
    )


def associated(first_s: Array, second_s: Array) -> tuple[Index, Index]:
    """Pairs (P,), (P,) of stamps (N,) and (M,), both increasing, at most 0.02 s apart: the nearest first.

    Source: TUM's associate.py.
    """
    low = np.searchsorted(second_s, first_s - TOGETHER_S)
    high = np.searchsorted(second_s, first_s + TOGETHER_S, side="right")
    candidates = [(abs(first_s[i] - second_s[j]), i, j) for i in range(len(first_s)) for j in range(low[i], high[i])]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(candidates):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    ordered = sorted(pairs.items())
    return np.array([i for i, _ in ordered], np.intp), np.array([j for _, j in ordered], np.intp)


def _images(root: Path, listing: str) -> tuple[Array, list[Path]]:
    """Stamps (N,) in seconds and files of a list."""
    path = root / listing
    lines = read_lines(path, 2)
    stamps_s = np.array([finite(path, [stamp])[0] for stamp, _ in lines])
    _check_increasing(stamps_s, path)
    return stamps_s, [root / file for _, file in lines]


def _depth_factor(path: Path) -> float:
    factor = float(read_numbers(path, 1)[0, 0])
    if factor <= 0.0:
        raise DatasetError(f"{path}: {factor:g} is no number of steps in a metre")
    return factor


def _poses_at(stamps_s: Array, path: Path) -> Array:
    """Poses (N,4,4) at the stamps (N,); NaN where none is known."""
    table = read_numbers(path, 8)
    times_s = table[:, 0]
    if len(times_s) < 2:
        raise DatasetError(f"{path}: a single pose")
    _check_increasing(times_s, path)
    norms = np.linalg.norm(table[:, 4:], axis=1)
    if np.abs(norms - 1.0).max() > 1e-2:
        raise DatasetError(f"{path}: the quaternion at {times_s[int(np.abs(norms - 1.0).argmax())]} has not length 1")
    after = np.searchsorted(times_s, stamps_s).clip(1, len(times_s) - 1)
    before = after - 1
    nearest = np.where(stamps_s - times_s[before] <= times_s[after] - stamps_s, times_s[before], times_s[after])
    inside = (stamps_s >= times_s[0]) & (stamps_s <= times_s[-1]) & (times_s[after] - times_s[before] <= BETWEEN_S)
    known = inside | (np.abs(nearest - stamps_s) <= TOGETHER_S)
    at_s = np.where(inside, stamps_s, nearest)[known]
    poses = np.full((len(stamps_s), 4, 4), np.nan)
    poses[known] = np.eye(4)
    poses[known, :3, :3] = Slerp(times_s, Rotation.from_quat(table[:, 4:]))(at_s).as_matrix()
    poses[known, :3, 3] = np.column_stack([np.interp(at_s, times_s, table[:, column]) for column in (1, 2, 3)])
    return poses


def _check_increasing(times_s: Array, path: Path) -> None:
    late = np.flatnonzero(np.diff(times_s) <= 0.0)
    if len(late):
        raise DatasetError(f"{path}: time does not increase at {times_s[late[0] + 1]:.6f}")
