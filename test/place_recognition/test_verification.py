from collections.abc import Callable

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.feature_matching import FeatureMatches
from isometry.place_recognition.image_alignment import BlurredImage, agreement, align
from isometry.place_recognition.observation import observe
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.position import position_from_distances
from isometry.place_recognition.types import Observation

Look = Callable[[int, Array], Array]
POSE = np.array([2.0, -1.5, 2.2])


@pytest.fixture
def pair(look: Look) -> tuple[Observation, Observation, BirdsEyeEncoder]:
    encoder = BirdsEyeEncoder.load()
    clouds = (look(0, se3.from_planar(*POSE)), look(0, np.eye(4)))
    query, keyframe = (observe(cloud, encoder, PlaceRecognitionParameters()) for cloud in clouds)
    return query, keyframe, encoder


def test_single_matches_propose_the_pose(pair: tuple[Observation, Observation, BirdsEyeEncoder]) -> None:
    poses, supporting = FeatureMatches(pair[0], pair[1]).propose(5)
    assert (np.diff(supporting) <= 0).all()
    assert np.hypot(*(poses[0] - POSE)[:2]) < 1.0
    assert abs(planar.wrapped(poses[0, 2] - POSE[2])) < np.radians(5.0)


def test_alignment_climbs_from_a_metre_away(pair: tuple[Observation, Observation, BirdsEyeEncoder]) -> None:
    query, keyframe = (BlurredImage(observation.image, pair[2].grid) for observation in pair[:2])
    pose, information = align(POSE + np.array([0.7, -0.6, 0.06]), query, keyframe)
    assert np.hypot(*(pose - POSE)[:2]) < 0.15
    assert abs(planar.wrapped(pose[2] - POSE[2])) < np.radians(0.6)
    assert agreement(pose, query, keyframe) > 0.8 > agreement(POSE + np.array([3.0, 0.0, 0.0]), query, keyframe)
    assert np.linalg.eigvalsh(information).min() > 0.0


def test_an_image_agrees_with_itself(pair: tuple[Observation, Observation, BirdsEyeEncoder]) -> None:
    image = BlurredImage(pair[0].image, pair[2].grid)
    assert agreement(np.zeros(3), image, image) == pytest.approx(1.0, abs=1e-6)


def test_agreement_is_symmetric(pair: tuple[Observation, Observation, BirdsEyeEncoder]) -> None:
    query, keyframe = (BlurredImage(observation.image, pair[2].grid) for observation in pair[:2])
    back = se3.inverse(se3.from_planar(*POSE))
    there = np.array([*back[:2, 3], se3.yaw(back)])
    assert agreement(POSE, query, keyframe) == pytest.approx(agreement(there, keyframe, query), abs=1e-3)


def test_a_position_is_where_the_distances_meet() -> None:
    truth = np.array([3.0, 2.0])
    positions = np.array([[0.0, 0.0], [5.0, 0.0], [2.0, 6.0], [-3.0, 4.0]])
    found = position_from_distances(positions, np.linalg.norm(positions - truth, axis=1))
    np.testing.assert_allclose(found, truth, atol=0.05)
