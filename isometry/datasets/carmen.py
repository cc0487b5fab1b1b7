"""Reader of CARMEN logs of planar lasers, and of relative poses that people have verified.

Source of the relations: Kuemmerle et al., "On measuring the accuracy of SLAM algorithms", Autonomous Robots 2009.
"""

from __future__ import annotations

import bz2
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, naming, read_bytes
from isometry.geometry import se3
from isometry.sensing.units import check_metres, check_radians, check_seconds

MAX_RANGE_M = 50.0  # a longer range means that nothing was hit
TOLERANCE_S = 0.05  # between the time in a relation and that of its scan


@dataclass(frozen=True)
class CarmenLog:
    """Scans of a planar laser, with odometry. Its B beams span the half circle ahead."""

    times_s: Array  # (N,) increasing
    ranges: Array  # (N,B) metres, first beam to the right
    odometry: Array  # (N,4,4) T_odom_base

    def __len__(self) -> int:
        return len(self.times_s)

    def scan(self, k: int) -> Array:
        """Points (M,3) in metres in the base frame, z = 0, of the beams with a return."""
        ranges = self.ranges[k]
        angle = -np.pi / 2.0 + np.pi * np.arange(len(ranges)) / len(ranges)
        points = np.column_stack([ranges * np.cos(angle), ranges * np.sin(angle), np.zeros(len(ranges))])
        hit: Array = points[(ranges > 0.0) & (ranges < MAX_RANGE_M)]
        return hit


@dataclass(frozen=True)
class Relations:
    """Pairs of scans with a relative pose that a person has verified."""

    pairs: NDArray[np.int64]  # (R,2) indices of the scans in the log
    T_first_second: Array  # (R,4,4)


def read_log(path: Path) -> CarmenLog:
    """The front laser's scans (FLASER lines) of a log, plain or compressed (.bz2).

    Raises DatasetError naming the file, and the line where there is one.
    """
    times: list[float] = []
    ranges: list[Array] = []
    planar: list[Array] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.startswith("FLASER "):
            continue
        try:
            words = line.split()
            count = int(words[1])
            values = np.array(words[2 : count + 9], dtype=float)  # ranges, laser pose, odometry, time
            time_s = float(words[count + 8])
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path}: line {number} is not a whole FLASER message") from error
        if not np.isfinite(values).all() or (ranges and len(ranges[0]) != count):
            raise DatasetError(f"{path}: line {number} has values that are not finite, or another number of beams")
        ranges.append(values[:count])
        planar.append(values[count + 3 : count + 6])
        times.append(time_s)
    if not times:
        raise DatasetError(f"{path}: no FLASER lines in it")
    order = np.argsort(times, kind="stable")
    with naming(path):
        check_seconds(np.array(times)[order])
        check_metres(np.square(ranges).reshape(-1))
        check_radians(np.array(planar)[:, 2])
    odometry = np.array([se3.from_planar(*pose) for pose in planar])
    return CarmenLog(np.array(times)[order], np.array(ranges)[order], odometry[order])


def read_relations(path: Path, log: CarmenLog) -> Relations:
    """Relations between scans of a log, from lines of two times, x, y, z, roll, pitch and yaw.

    Raises DatasetError naming a line that is no relation, or that has a time without a scan.
    """
    pairs, transforms = [], []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            first_s, second_s, x, y, _, _, _, yaw = map(float, line.split())
        except ValueError as error:
            raise DatasetError(f"{path}: line {number} is not a relation of 8 numbers") from error
        pair = [_nearest(log.times_s, time_s) for time_s in (first_s, second_s)]
        if not np.allclose(log.times_s[pair], (first_s, second_s), rtol=0.0, atol=TOLERANCE_S):
            raise DatasetError(f"{path}: line {number} is about a time without a scan")
        with naming(path):
            check_radians(np.array([yaw]))
        pairs.append(pair)
        transforms.append(se3.from_planar(x, y, yaw))
    if not pairs:
        raise DatasetError(f"{path}: no relations in it")
    return Relations(np.array(pairs), np.array(transforms))


def _lines(path: Path) -> list[str]:
    content = read_bytes(path)
    try:
        return (bz2.decompress(content) if path.suffix == ".bz2" else content).decode("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a CARMEN log ({error})") from error


def _nearest(times_s: Array, time_s: float) -> int:
    return int(np.abs(times_s - time_s).argmin())
