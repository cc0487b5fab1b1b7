"""Reader of the test sets 3DMatch and 3DLoMatch, and their criterion of a correct transform.

3DMatch: Zeng et al., CVPR 2017, pairs of fragments that overlap by more than 30 %. 3DLoMatch: Huang et al., "PREDATOR:
registration of 3D point clouds with low overlap", CVPR 2021, pairs that overlap by 10 to 30 %. Each scene has fragments
`cloud_bin_K.ply`, and in the format of Choi, Zhou and Koltun (CVPR 2015), transforms `gt.log` and information matrices
`gt.info`. The folder layouts of 3DMatch, PREDATOR and GeoTransformer are accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_text
from isometry.datasets.point_cloud_file import read_point_cloud
from isometry.geometry import se3

BENCHMARKS = ("3DMatch", "3DLoMatch")
RIGHT_RMSE_M = 0.2  # a transform is correct below this
INLIER_M = 0.1  # largest distance of a match's points under the true transform
RIGHT_INLIER_RATIO = 0.05  # the features of a pair count as matched above this
# Folders in ROOT that hold, for each scene, a folder of true transforms or a folder of fragments
TRUTHS = ("benchmarks/{}", "metadata/benchmarks/{}", "configs/benchmarks/{}", "{}")
FRAGMENTS = ("data/test", "test", "fragments", "data", "")
EVALUATION = "-evaluation"


@dataclass(frozen=True)
class FragmentPair:
    """Two fragments of a scene."""

    target: int  # number of the fragment
    source: int
    T_target_source: Array  # (4,4) metres, the true one
    information: Array  # (6,6) summed over shared points; of a translation and a quaternion's x, y, z

    @property
    def counts(self) -> bool:
        """Whether the pair counts for registration recall; consecutive fragments count for matches only."""
        return self.source - self.target > 1

    def rmse(self, T_target_source: Array) -> float:
        """Root mean square error in metres of the shared points under a transform, to first order in its rotation."""
        wrong = se3.inverse(self.T_target_source) @ T_target_source
        quaternion = se3.to_quaternion(wrong)
        error = np.concatenate([wrong[:3, 3], np.copysign(1.0, quaternion[3]) * quaternion[:3]])
        return float(np.sqrt(error @ self.information @ error / self.information[0, 0]))


class FragmentScene:
    """One scene. Its pairs are read at once, a fragment when it is used."""

    def __init__(self, truth: Path, fragments: Path, name: str) -> None:
        """Raises DatasetError naming the file that is missing or cannot be used."""
        self.name = name
        self._fragments = fragments
        transforms, information = _read_blocks(truth / "gt.log", 4), _read_blocks(truth / "gt.info", 6)
        if transforms.keys() != information.keys():
            pair = sorted(transforms.keys() ^ information.keys())[0]
            raise DatasetError(f"{truth}: pair {pair[0]} {pair[1]} is in only one of gt.log and gt.info")
        for pair, matrix in information.items():
            if matrix[0, 0] <= 0.0:
                raise DatasetError(f"{truth / 'gt.info'}: pair {pair[0]} {pair[1]} shares no points")
        self.pairs = [FragmentPair(*pair, transforms[pair], information[pair]) for pair in transforms]

    def fragment(self, number: int) -> Array:
        """Points (N,3) of a fragment in metres. Raises DatasetError when it is missing or cannot be read."""
        path = self._fragments / f"cloud_bin_{number}.ply"
        if not path.exists() and path.with_suffix(".pth").exists():
            raise DatasetError(f"{path}: not there, and the .pth beside it is PyTorch's own; take the published .ply")
        return read_point_cloud(path)


def open_three_d_match(root: Path, benchmark: str) -> list[FragmentScene]:
    """All scenes of a benchmark, in the order of their names; recall is the mean over scenes.

    Raises DatasetError naming what is missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such directory")
    logs = [path for each in TRUTHS for path in root.glob(f"{each.format(benchmark)}/*/gt.log")]
    truths = {path.parent.name: path.parent for path in logs}
    if not truths and benchmark == BENCHMARKS[0]:  # the layout of 3DMatch itself
        published = [path.parent for each in FRAGMENTS for path in (root / each).glob(f"*{EVALUATION}/gt.log")]
        truths = {path.name.removesuffix(EVALUATION): path for path in published}
    if not truths:
        tried = ", ".join(f"{each.format(benchmark)}/SCENE/gt.log" for each in TRUTHS)
        raise DatasetError(f"{root}: no {benchmark} in it (looked for {tried})")
    return [FragmentScene(truths[name], _fragments_folder(root, name), name) for name in sorted(truths)]


def _fragments_folder(root: Path, scene: str) -> Path:
    for each in FRAGMENTS:
        folder = root / each / scene
        if any(folder.glob("cloud_bin_*")):
            return folder
    tried = ", ".join(str(Path(each) / scene) for each in FRAGMENTS)
    raise DatasetError(f"{root}: no fragments cloud_bin_K.ply of {scene} (looked in {tried})")


def _read_blocks(path: Path, size: int) -> dict[tuple[int, int], Array]:
    """Matrices (size,size) by pair. A block is a line of target, source and number of fragments, then the matrix."""
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    if not lines or len(lines) % (size + 1):
        raise DatasetError(f"{path}: {len(lines)} lines, not some of {size + 1} each")
    blocks = {}
    for start in range(0, len(lines), size + 1):
        head, rows = lines[start], lines[start + 1 : start + size + 1]
        try:
            pair = int(head[0]), int(head[1])
            matrix = np.array([[float(value) for value in row] for row in rows])
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path}: block {start // (size + 1) + 1} is not a pair and numbers") from error
        if matrix.shape != (size, size) or not np.isfinite(matrix).all():
            raise DatasetError(f"{path}: pair {pair[0]} {pair[1]} has no {size}x{size} matrix")
        blocks[pair] = matrix
    return blocks
