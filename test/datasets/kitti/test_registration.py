from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.registration import LEFT_OUT, frame_pairs, open_kitti_registration, refined
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import TownPlan, build_town


def along(x: np.ndarray) -> np.ndarray:
    return np.outer(x, [0.0, 0.0, 1.0])


def test_a_pair_ends_before_ten_metres_and_the_next_begins_after_it() -> None:
    pairs = frame_pairs(along(np.arange(40.0)), set(range(40)))
    assert pairs == [(0, 10), (11, 21), (22, 32)]


def test_standing_still_ends_no_pair() -> None:
    x = np.concatenate([np.zeros(150), np.arange(1.0, 13.0)])
    # Frame 61 is the first from which frame 160, where the 10 m are passed, is less than 100 frames ahead
    assert frame_pairs(along(x), set(range(len(x)))) == [(61, 159)]


def test_frames_that_are_not_there_make_no_pair() -> None:
    assert frame_pairs(along(np.arange(40.0)), set(range(40)) - {10}) == [(1, 11), (12, 22), (23, 33)]


def test_pairs_of_a_directory_have_scans_and_the_later_one_as_target(simulated_kitti: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated_kitti, tmp_path / "kitti"))  # scans 5 m apart
    pairs = open_kitti_registration(root, ("00",))
    assert [(pair.source, pair.target) for pair in pairs][:2] == [(0, 2), (3, 5)]
    first = pairs[0]
    T_target_source = first.T_target_source
    np.testing.assert_allclose(
        first.scans.poses[first.target] @ T_target_source, first.scans.poses[first.source], atol=1e-9
    )
    assert T_target_source[0, 3] == pytest.approx(-10.0, abs=0.2)  # what was seen earlier lies behind
    assert len(first.scans.scan(first.target)) > 1000


def test_the_pair_that_all_leave_out_is_left_out(simulated_kitti: Path, tmp_path: Path) -> None:
    ((_, source, target),) = LEFT_OUT
    root = tmp_path / "kitti"
    scans = root / "sequences/08/velodyne"
    scans.mkdir(parents=True)
    scan = simulated_kitti / "sequences/00/velodyne/000000.bin"
    positions = np.full(120, -100.0)
    positions[source:] = 0.0
    positions[target + 1 :] = 100.0 + 0.01 * np.arange(120 - target - 1)
    positions[:source] = -100.0
    for k in range(120):
        shutil.copy(scan, scans / f"{k:06d}.bin")
    (root / "poses").mkdir()
    poses = np.tile(np.eye(4), (120, 1, 1))
    poses[:, 2, 3] = positions
    np.savetxt(root / "poses/08.txt", poses[:, :3].reshape(-1, 12))
    assert (source, target) in frame_pairs(along(positions), set(range(120)))
    assert (source, target) not in [(pair.source, pair.target) for pair in open_kitti_registration(root, ("08",))]


def test_each_frame_needs_a_pose(simulated_kitti: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated_kitti, tmp_path / "kitti"))
    (root / "sequences/00/velodyne/000000.bin").rename(root / "sequences/00/velodyne/000099.bin")
    with pytest.raises(DatasetError, match="sequence 00 needs a pose for each of its frames"):
        open_kitti_registration(root, ("00",))


def test_icp_corrects_a_pose_by_centimetres(random: np.random.Generator) -> None:
    lidar = SpinningLidar(beams=64, azimuth_step_deg=1.0, highest_deg=15.0, noise_m=0.005)
    simulator = LidarSimulator(build_town(TownPlan(), random), lidar)
    poses = [se3.from_planar(20.0, 0.0, 0.0), se3.from_planar(20.3, 0.1, 0.05)]
    for pose in poses:
        pose[2, 3] = 1.7
    target, source = (simulator.scan(pose, random) for pose in poses)
    true = se3.inverse(poses[0]) @ poses[1]
    given = true @ se3.from_planar(0.04, -0.06, 0.005)
    better = refined(target, source, given)
    assert np.linalg.norm(better[:3, 3] - true[:3, 3]) < 0.5 * np.linalg.norm(given[:3, 3] - true[:3, 3])
    assert se3.rotation_angle(se3.inverse(true) @ better) < 0.5 * 0.005
