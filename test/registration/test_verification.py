"""How clouds agree at a transform, with a room whose truth is known."""

import numpy as np
import pytest

from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.candidates import distinct, same
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.verification import CachedCloud, agreement

TOLERANCE = 0.4
OFF = se3.from_planar(3.0, -2.0, 0.2)


def scenes(pair: ScanPair, viewpoint: np.ndarray | None) -> tuple[CachedCloud, CachedCloud]:
    target, source = (prepare(cloud, RegistrationParameters(), viewpoint) for cloud in (pair.target, pair.source))
    return CachedCloud(target), CachedCloud(source)


@pytest.mark.parametrize("viewpoint", [np.zeros(3), None])
def test_the_true_transform_agrees_best(street: ScanPair, viewpoint: np.ndarray | None) -> None:
    tried = np.stack([street.T_target_source @ OFF, street.T_target_source, OFF @ street.T_target_source])
    found = agreement(*scenes(street, viewpoint), tried, TOLERANCE)
    assert int(found.score.argmax()) == 1
    assert found.overlap[1] > 0.2


def test_rays_contradict_a_wrong_transform_only_where_the_viewpoint_is_known(street: ScanPair) -> None:
    tried = np.stack([street.T_target_source, street.T_target_source @ se3.from_planar(0.0, 0.0, 1.5)])
    right, wrong = agreement(*scenes(street, np.zeros(3)), tried, TOLERANCE).contradiction
    assert right < 0.02
    assert wrong > 0.05
    assert agreement(*scenes(street, None), tried, TOLERANCE).contradiction.tolist() == [0.0, 0.0]


def test_agreement_does_not_depend_on_which_cloud_is_the_target(street: ScanPair) -> None:
    target, source = scenes(street, np.zeros(3))
    forward = agreement(target, source, street.T_target_source[None], TOLERANCE)
    backward = agreement(source, target, se3.inverse(street.T_target_source)[None], TOLERANCE)
    assert forward.overlap[0] == pytest.approx(backward.overlap[0], abs=1e-12)
    assert forward.contradiction[0] == pytest.approx(backward.contradiction[0], abs=1e-12)


def test_a_sample_shows_walls_as_much_as_ground(street: ScanPair) -> None:
    target, _ = scenes(street, np.zeros(3))
    assert sorted(target.order.tolist()) == np.flatnonzero(target.on_surfaces).tolist()
    assert target.on_surfaces.mean() > 0.5
    _, normals = target.sample(300)
    ground_in_all = float((np.abs(target.cloud.normals[:, 2]) > 0.95).mean())
    ground_in_sample = float((np.abs(normals[:, 2]) > 0.95).mean())
    assert ground_in_sample < 0.5 * ground_in_all


def test_a_coarser_scene_is_made_once_and_a_finer_one_never(street: ScanPair) -> None:
    target, _ = scenes(street, np.zeros(3))
    resolution = target.cloud.resolution
    assert target.at(resolution) is target
    assert target.at(2.0 * resolution) is target.at(2.0 * resolution)
    assert len(target.at(2.0 * resolution).cloud.points) < len(target.cloud.points)


def test_transforms_that_are_one_answer_are_kept_once() -> None:
    near = se3.from_planar(0.1, 0.0, 0.01)
    far = se3.from_planar(5.0, 0.0, 0.0)
    turned = se3.from_planar(0.0, 0.0, 1.0)
    assert same(np.eye(4), near, 0.1)
    assert not same(np.eye(4), far, 0.1)
    assert not same(np.eye(4), turned, 0.1)
    tried = np.stack([near, np.eye(4), far, turned])
    assert distinct(tried, np.array([0.5, 0.9, 0.7, 0.1]), 3, 0.1) == [1, 2, 3]
