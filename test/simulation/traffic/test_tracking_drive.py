from __future__ import annotations

from pathlib import Path

import numpy as np

from isometry.datasets.kitti.scans import read_poses
from isometry.datasets.kitti.tracking import KittiTracking
from isometry.geometry import planar
from isometry.simulation.traffic.tracking_drive import Detector, write_tracking_drive
from isometry.simulation.traffic.traffic import Traffic

FLAWLESS = Detector(missed=0.0, false_alarms=0.0, noise=0.0)


def test_labels_are_the_traffic_as_the_vehicle_sees_it(traffic: Traffic, tmp_path: Path) -> None:
    write_tracking_drive(tmp_path, traffic, seed=0)
    sequence = KittiTracking(tmp_path, "0")
    labels, poses = sequence.labels, read_poses(tmp_path / "poses/0000.txt")
    assert len(labels) > 50
    assert len(poses) == len(traffic.times_s)
    true = traffic.boxes[labels.frames, labels.ids]
    place = np.einsum("nij,nj->ni", poses[labels.frames, :3, :3], labels.boxes[:, :3]) + poses[labels.frames, :3, 3]
    np.testing.assert_allclose(place[:, :2], true[:, :2], atol=1e-5)
    np.testing.assert_allclose(labels.boxes[:, 3:6], true[:, 3:6], atol=1e-5)
    turn = labels.boxes[:, 6] + traffic.ego_poses[labels.frames, 2] - true[:, 6]
    np.testing.assert_allclose(planar.wrapped(turn), 0.0, atol=1e-5)
    assert (labels.boxes[:, 0] > 0.0).all()


def test_a_flawless_detector_says_what_is_labelled(traffic: Traffic, tmp_path: Path) -> None:
    write_tracking_drive(tmp_path, traffic, seed=0, sequence="0007", detector=FLAWLESS)
    sequence = KittiTracking(tmp_path, "7")
    found = sequence.detections("simulated")
    assert sorted(found.labels) == sorted(sequence.labels.labels)
    order, other = (np.lexsort((each.boxes[:, 0], each.frames)) for each in (found, sequence.labels))
    np.testing.assert_allclose(found.boxes[order], sequence.labels.boxes[other], atol=1e-5)


def test_a_detector_misses_and_invents_the_same_things_with_the_same_seed(traffic: Traffic, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        write_tracking_drive(tmp_path / name, traffic, seed)
    one, same, other = (
        KittiTracking(tmp_path / name, "0").detections("simulated") for name in ("one", "same", "other")
    )
    np.testing.assert_array_equal(one.boxes, same.boxes)
    assert one.boxes.shape != other.boxes.shape or (one.boxes != other.boxes).any()
    assert abs(len(one) - len(KittiTracking(tmp_path / "one", "0").labels)) > 0
