"""The ego-motion, estimated from what the vehicle sees in simulated traffic whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.evaluation.prediction.ego_motion import EgoMotion, Moment, ego_motion
from isometry.geometry.planar import rotations
from isometry.simulation.traffic.traffic import Traffic, simulate_traffic

CLASSES = {"car": "Car", "cyclist": "Cyclist", "pedestrian": "Pedestrian"}


def moments_of(traffic: Traffic, reach_m: float = 60.0) -> list[Moment]:
    """The objects ahead of the vehicle, in its own frame."""
    moments = []
    for boxes, pose in zip(traffic.boxes, traffic.ego_poses, strict=True):
        seen = boxes.copy()
        seen[:, :2] = (boxes[:, :2] - pose[:2]) @ rotations(pose[2])
        seen[:, 6] -= pose[2]
        with np.errstate(invalid="ignore"):
            ahead = np.flatnonzero((seen[:, 0] > 0.0) & (np.linalg.norm(seen[:, :2], axis=1) < reach_m))
        moments.append(Moment(ahead, seen[ahead], [CLASSES[traffic.labels[k]] for k in ahead]))
    return moments


def _steps(poses: Array) -> Array:
    """Motion (T-1,3) from each pose to the next, in the frame of the first of the two."""
    moved = np.einsum("txy,tx->ty", rotations(poses[:-1, 2]), np.diff(poses[:, :2], axis=0))
    return np.column_stack([moved, np.diff(np.unwrap(poses[:, 2]))])


@pytest.fixture(scope="module")
def drives() -> list[Traffic]:
    return [simulate_traffic(np.random.default_rng(seed), 6.0, parked=30) for seed in (0, 2, 5)]


def test_the_motion_among_parked_cars_is_found(drives: list[Traffic]) -> None:
    for traffic in drives:
        found = ego_motion(moments_of(traffic))
        off = _steps(found.poses) - _steps(traffic.ego_poses)
        assert np.median(np.abs(off[:, 0])) < 0.02  # metres in 0.1 s
        assert np.median(np.abs(off[:, 2])) < 0.003


def test_no_pose_depends_on_the_future(drives: list[Traffic]) -> None:
    moments = moments_of(drives[0])
    whole, cut = ego_motion(moments), ego_motion(moments[:40])
    np.testing.assert_array_equal(whole.poses[:40], cut.poses)


def test_a_stationary_vehicle_that_people_walk_towards_is_found_stationary() -> None:
    def moment(k: int) -> Moment:
        x = np.array([20.0, 24.0, 28.0, 31.0]) - 0.1 * k * np.array([0.9, 1.2, 1.5, 1.8])
        boxes = np.zeros((4, 7))
        boxes[:, 0], boxes[:, 1], boxes[:, 3:6], boxes[:, 6] = x, [-2.0, 0.0, 1.0, 3.0], 0.7, np.pi
        return Moment(np.arange(4), boxes, ["Pedestrian"] * 4)

    poses = ego_motion([moment(k) for k in range(60)]).poses
    assert np.linalg.norm(poses[-1, :2]) < 2.5  # in six seconds, in which they come eight metres


def test_no_objects_at_all_is_no_motion() -> None:
    nobody = Moment(np.zeros(0, np.int64), np.zeros((0, 7)), [])
    found = ego_motion([nobody] * 20)
    np.testing.assert_array_equal(found.poses, np.zeros((20, 3)))
    assert ego_motion([]).poses.shape == (0, 3)


def test_stationary_objects_anchor_the_frame(drives: list[Traffic]) -> None:
    parked = ego_motion(moments_of(drives[0]))
    assert parked.anchored[10:].mean() > 0.9
    walking = Moment(np.arange(1), np.array([[20.0, 0.0, 0.9, 0.7, 0.7, 1.8, np.pi]]), ["Pedestrian"])
    assert not ego_motion([walking] * 20).anchored.any()


def test_the_motion_is_known_between_restarts_while_it_is_anchored() -> None:
    anchored = np.ones(30, bool)
    motion = EgoMotion(np.zeros((30, 3)), (12,), anchored)
    assert motion.is_known(0, 11)
    assert motion.is_known(12, 29)
    assert not motion.is_known(11, 12)
    anchored[20:] = False
    assert not motion.is_known(12, 29)
    assert EgoMotion.given(np.zeros((30, 3))).is_known(0, 29)
