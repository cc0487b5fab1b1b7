"""Test pairs for registration on KITTI: scans about 10 m apart of the odometry sequences 8, 9 and 10.

Choy, Park and Koltun, "Fully convolutional geometric features" (ICCV 2019), chose them; Bai et al., "D3Feat" (CVPR
2020), PREDATOR and all later work use the same 555. A transform is correct within 5 deg and 2 m, and mean errors are
over the correct ones. The true transforms are those of the published poses, refined by ICP.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.scans import ScanSequence, open_scans, read_poses
from isometry.geometry import se3

SEQUENCES = ("08", "09", "10")
APART_M = 10.0
LOOK_AHEAD = 100  # frames
LEFT_OUT = {("08", 15, 58)}  # its poses are wrong; all published results leave it out
ICP_REACH_M = 0.2
ICP_ITERATIONS = 200


@dataclass(frozen=True)
class KittiPair:
    """Two scans of a sequence; the later one is the target, as in the published protocol."""

    scans: ScanSequence
    target: int  # row in `scans`
    source: int

    @property
    def T_target_source(self) -> Array:
        """Transform (4,4) between the published poses."""
        poses = self.scans.poses
        transform: Array = se3.inverse(poses[self.target]) @ poses[self.source]
        return transform


def open_kitti_registration(root: Path, sequences: tuple[str, ...] = SEQUENCES) -> list[KittiPair]:
    """The published pairs of a KITTI odometry directory (ROOT/sequences/NN and ROOT/poses/NN.txt).

    Raises DatasetError naming what is missing.
    """
    pairs = []
    for sequence in sequences:
        scans = open_scans(root, sequence)
        positions = read_poses(Path(root) / "poses" / f"{sequence}.txt")[:, :3, 3]
        row_of = {int(frame): row for row, frame in enumerate(scans.frames)}
        if scans.frames[-1] >= len(positions):
            raise DatasetError(f"{root}: sequence {sequence} needs a pose for each of its frames")
        for source, target in frame_pairs(positions, set(row_of)):
            if (sequence, source, target) not in LEFT_OUT:
                pairs.append(KittiPair(scans, row_of[target], row_of[source]))
    return pairs


def frame_pairs(positions: Array, frames: set[int]) -> list[tuple[int, int]]:
    """Pairs of frames (first, second) by the published rule, from the camera position (P,3) in metres of each frame.

    The second frame is the last one before the camera is more than 10 m away from the first, within 100 frames. The
    next pair begins right after it. Pairs need both of their frames in `frames`.
    """
    pairs = []
    first = min(frames)
    while first < len(positions):
        apart = np.linalg.norm(positions[first : first + LOOK_AHEAD] - positions[first], axis=1)
        far = np.flatnonzero(apart > APART_M)
        second = first + int(far[0]) - 1 if len(far) else -1
        if second > first and first in frames and second in frames:
            pairs.append((first, second))
            first = second
        first += 1
    return pairs


def refined(target: NDArray[np.floating], source: NDArray[np.floating], T_target_source: Array) -> Array:
    """A transform (4,4) refined by point-to-point ICP, as in the published protocol.

    The clouds (N,3) and (M,3) are full scans; this takes seconds.
    """
    vectors = [open3d.utility.Vector3dVector(np.asarray(each, dtype=np.float64)) for each in (source, target)]
    result = open3d.pipelines.registration.registration_icp(
        *(open3d.geometry.PointCloud(each) for each in vectors),
        ICP_REACH_M,
        T_target_source,
        open3d.pipelines.registration.TransformationEstimationPointToPoint(),
        open3d.pipelines.registration.ICPConvergenceCriteria(max_iteration=ICP_ITERATIONS),
    )
    transform: Array = np.array(result.transformation)
    return transform
