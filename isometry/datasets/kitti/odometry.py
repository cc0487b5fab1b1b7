"""Reader of KITTI odometry directories (Geiger et al., "Are we ready for autonomous driving?", CVPR 2012).

ROOT/sequences/NN/{velodyne/KKKKKK.bin, calib.txt, times.txt} and ROOT/poses/NN.txt, as published.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, naming
from isometry.datasets.kitti.scans import RATE_HZ, ScanSequence, read_table, scan_paths
from isometry.sensing.units import check_seconds


class KittiOdometry(ScanSequence):
    """One sequence: scans with times and LiDAR poses. A scan is read when it is used, everything else at once.

    Scans may be missing when poses and times have a line for each frame of the drive. A sparse sequence has a file
    `poses/NN_frames.txt` with the frame of each line of `poses/NN.txt`; it may have LiDAR poses and no calib.txt, and
    then a rate of 10 Hz where it has no times.txt. The world of the poses is the first LiDAR frame of the drive (x
    forward, z up).
    """

    times_s: Array  # (N,) seconds since the start of the drive, increasing

    def __init__(self, root: Path, sequence: str, scans_from: str | None = None) -> None:
        """`scans_from` is a sequence whose scans replace those of this one; poses and times stay.

        Raises DatasetError naming the file that is missing or that cannot be used.
        """
        self.root, self.sequence, self.scans_from = Path(root), sequence, scans_from
        folder = self.root / "sequences" / sequence
        sparse = (self.root / "poses" / f"{sequence}_frames.txt").exists()
        calibration = folder / "calib.txt"
        super().__init__(
            scan_paths(self.root / "sequences" / (scans_from or sequence) / "velodyne"),
            self.root / "poses" / f"{sequence}.txt",
            None if sparse and not calibration.exists() else calibration,
        )
        if sparse and not (folder / "times.txt").exists():
            self.times_s = self.frames / RATE_HZ
        else:
            self.times_s = _read_times(folder / "times.txt", self.frames)


def _read_times(path: Path, frames: NDArray[np.int64]) -> Array:
    times_s = read_table(path)[:, 0]
    if len(times_s) <= frames[-1]:
        raise DatasetError(f"{path}: {len(times_s)} times, none for frame {frames[-1]}")
    chosen = times_s[frames]
    if (np.diff(chosen) <= 0.0).any():
        frame = frames[int(np.argmax(np.diff(chosen) <= 0.0)) + 1]
        raise DatasetError(f"{path}: time does not increase at frame {frame}")
    with naming(path):
        check_seconds(chosen)
    return chosen
