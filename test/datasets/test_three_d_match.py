from __future__ import annotations

from pathlib import Path

import numpy as np
import open3d
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.errors import DatasetError
from isometry.datasets.three_d_match import FragmentPair, FragmentScene, open_three_d_match
from isometry.geometry import se3

PAIRS = [(0, 1), (0, 2), (1, 4)]


def transform(k: int) -> np.ndarray:
    return se3.from_rotation_translation(Rotation.from_rotvec([0.1 * k, 0.2, -0.3]).as_matrix(), np.array([k, 0.5, 0]))


def information(points: np.ndarray) -> np.ndarray:
    """Information (6,6) of points (P,3) that both fragments show, for a rotation by the quaternion's imaginary part."""
    total = np.zeros((6, 6))
    for x, y, z in points:
        jacobian = np.array([[1, 0, 0, 0, 2 * z, -2 * y], [0, 1, 0, -2 * z, 0, 2 * x], [0, 0, 1, 2 * y, -2 * x, 0]])
        total += jacobian.T @ jacobian
    return total


def block(pair: tuple[int, int], matrix: np.ndarray) -> str:
    rows = "\n".join("\t".join(f"{value:.12f}" for value in row) for row in matrix)
    return f"{pair[0]}\t {pair[1]}\t 5\n{rows}\n"


def write_truth(folder: Path) -> None:
    folder.mkdir(parents=True)
    points = np.random.default_rng(1).uniform(-1.0, 3.0, (50, 3))
    (folder / "gt.log").write_text("".join(block(pair, transform(k)) for k, pair in enumerate(PAIRS)))
    (folder / "gt.info").write_text("".join(block(pair, information(points)) for pair in PAIRS))


def write_fragments(folder: Path) -> None:
    folder.mkdir(parents=True)
    for k in range(5):
        points = open3d.utility.Vector3dVector(np.arange(9.0).reshape(3, 3) + k)
        open3d.io.write_point_cloud(folder / f"cloud_bin_{k}.ply", open3d.geometry.PointCloud(points))


@pytest.mark.parametrize(
    ("truth", "fragments", "benchmark"),
    [
        ("kitchen-evaluation", "kitchen", "3DMatch"),
        ("fragments/kitchen-evaluation", "fragments/kitchen", "3DMatch"),
        ("configs/benchmarks/3DLoMatch/kitchen", "data/test/kitchen", "3DLoMatch"),
        ("metadata/benchmarks/3DMatch/kitchen", "data/test/kitchen", "3DMatch"),
        ("benchmarks/3DMatch/kitchen", "test/kitchen", "3DMatch"),
    ],
)
def test_scenes_are_found_where_they_are_published(tmp_path: Path, truth: str, fragments: str, benchmark: str) -> None:
    write_truth(tmp_path / truth)
    write_fragments(tmp_path / fragments)
    (scene,) = open_three_d_match(tmp_path, benchmark)
    assert scene.name == "kitchen"
    assert [(pair.target, pair.source) for pair in scene.pairs] == PAIRS
    np.testing.assert_allclose(scene.pairs[2].T_target_source, transform(2), atol=1e-9)
    np.testing.assert_allclose(scene.fragment(4), np.arange(9.0).reshape(3, 3) + 4)


def test_scenes_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("study", "hotel"):
        write_truth(tmp_path / "benchmarks/3DLoMatch" / name)
        write_fragments(tmp_path / "data/test" / name)
    assert [scene.name for scene in open_three_d_match(tmp_path, "3DLoMatch")] == ["hotel", "study"]
    with pytest.raises(DatasetError, match=r"no 3DMatch in it \(looked for benchmarks/3DMatch/SCENE/gt.log"):
        open_three_d_match(tmp_path, "3DMatch")


def test_only_pairs_that_are_apart_in_time_count(tmp_path: Path) -> None:
    write_truth(tmp_path / "x")
    assert [pair.counts for pair in FragmentScene(tmp_path / "x", tmp_path, "x").pairs] == [False, True, True]


@pytest.mark.parametrize("angle_deg", [0.0, 0.5, 3.0])
def test_the_error_is_how_far_points_are_brought_apart(random: np.random.Generator, angle_deg: float) -> None:
    """The information matrix stands for the points; a slow count of their distances is the reference."""
    points = random.uniform(-1.0, 3.0, (200, 3))
    pair = FragmentPair(0, 2, transform(1), information(points))
    turn = Rotation.from_rotvec(np.radians(angle_deg) * np.array([0.6, 0.0, 0.8])).as_matrix()
    wrong = se3.from_rotation_translation(turn, np.array([0.03, -0.05, 0.02]))
    apart = np.linalg.norm(se3.apply(wrong, points) - points, axis=1)
    assert pair.rmse(transform(1) @ wrong) == pytest.approx(np.sqrt((apart**2).mean()), rel=0.02)
    assert pair.rmse(transform(1)) == pytest.approx(0.0, abs=1e-9)


def test_a_large_turn_is_wrong_whatever_the_sign_of_its_quaternion(random: np.random.Generator) -> None:
    pair = FragmentPair(0, 2, np.eye(4), information(random.uniform(-1.0, 3.0, (200, 3))))
    for angle in (1.0, 3.0, -3.0, 3.5):
        wrong = se3.from_rotation_translation(Rotation.from_rotvec([0.0, angle, 0.0]).as_matrix(), np.zeros(3))
        assert pair.rmse(wrong) > 0.5


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="absent: no such directory"):
        open_three_d_match(tmp_path / "absent", "3DMatch")
    truth = tmp_path / "benchmarks/3DMatch/kitchen"
    write_truth(truth)
    with pytest.raises(DatasetError, match=r"no fragments cloud_bin_K.ply of kitchen \(looked in data/test/kitchen"):
        open_three_d_match(tmp_path, "3DMatch")
    write_fragments(tmp_path / "data/test/kitchen")
    (scene,) = open_three_d_match(tmp_path, "3DMatch")
    (tmp_path / "data/test/kitchen/cloud_bin_3.ply").rename(tmp_path / "data/test/kitchen/cloud_bin_3.pth")
    with pytest.raises(DatasetError, match=r"cloud_bin_3.ply: not there, and the .pth beside it"):
        scene.fragment(3)
    log = (truth / "gt.log").read_text()
    for content, reason in [
        (log[:-20], r"gt.log: pair 1 4 has no 4x4 matrix|gt.log: block 3"),
        (log + "0 1 2\n", r"gt.log: 16 lines, not some of 5"),
        (log.replace("0\t 1\t", "a\t 1\t", 1), r"gt.log: block 1 is not a pair"),
        (log.replace("1\t 4\t", "1\t 3\t", 1), r"kitchen: pair 1 3 is in only one of gt.log and gt.info"),
        ("", r"gt.log: 0 lines"),
    ]:
        (truth / "gt.log").write_text(content)
        with pytest.raises(DatasetError, match=reason):
            open_three_d_match(tmp_path, "3DMatch")
    (truth / "gt.log").write_text(log)
    (truth / "gt.info").write_text("".join(block(pair, np.zeros((6, 6))) for pair in PAIRS))
    with pytest.raises(DatasetError, match=r"gt.info: pair 0 1 shares no points"):
        open_three_d_match(tmp_path, "3DMatch")
