import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.features.hypotheses import (
    MOST_HYPOTHESES,
    MatchedPoints,
    compatible,
    fitted,
    frame_rotations,
    hypothesise,
    lengths,
)

T_TRUE = se3.from_rotation_translation(Rotation.from_rotvec([0.5, -1.0, 2.0]).as_matrix(), np.array([3.0, -8.0, 5.0]))


def made_up(right: int, wrong: int, rotations: bool, sided: bool = True) -> MatchedPoints:
    """Matches of which the first `right` ones follow T_TRUE, as well as voxels and features allow."""
    random = np.random.default_rng(0)
    count = right + wrong
    source = random.uniform(-60.0, 60.0, (count, 3))
    source_normals = random.normal(size=(count, 3))
    source_normals /= np.linalg.norm(source_normals, axis=1, keepdims=True)
    target = se3.apply(T_TRUE, source) + random.normal(0.0, 0.5, (count, 3))
    target[right:] = random.uniform(-60.0, 60.0, (wrong, 3))
    target_normals = source_normals @ T_TRUE[:3, :3].T
    target_normals[right:] = source_normals[::-1][:wrong]
    if not sided:
        target_normals *= random.choice([-1.0, 1.0], (count, 1))
    noise = Rotation.from_rotvec(random.normal(0.0, np.radians(8.0), (count, 3))).as_matrix()
    turns = noise @ T_TRUE[:3, :3]
    turns[right:] = Rotation.random(wrong, rng=random).as_matrix()
    return MatchedPoints(target, source, target_normals, source_normals, sided, turns if rotations else None)


def error(T: Array) -> tuple[float, float]:
    """Degrees, and lengths in resolutions."""
    off = se3.inverse(T_TRUE) @ T
    return float(np.degrees(se3.rotation_angle(off))), float(np.linalg.norm(off[:3, 3]))


@pytest.mark.parametrize(
    ("right", "rotations", "sided"), [(12, True, True), (12, True, False), (60, False, True), (60, False, False)]
)
def test_few_right_ones_among_many_wrong_are_found(right: int, rotations: bool, sided: bool) -> None:
    matches = made_up(right, 600, rotations, sided)
    transforms, support = hypothesise(matches, np.ones(right + 600))
    degrees, apart = error(transforms[0])
    assert degrees < 2.0
    assert apart < 2.0
    assert (np.diff(support) <= 0.0).all()
    assert 1 <= len(transforms) == len(support) <= MOST_HYPOTHESES


def test_one_match_proposes_a_whole_pose() -> None:
    random = np.random.default_rng(0)
    frames = random.normal(size=(5, 8, 3)).astype(np.float32)
    turned = np.asarray(frames @ T_TRUE[:3, :3].T, np.float32)
    np.testing.assert_allclose(frame_rotations(turned, frames), np.tile(T_TRUE[:3, :3], (5, 1, 1)), atol=1e-5)


def test_fits_are_weighted() -> None:
    matches = made_up(10, 10, rotations=False)
    weights = np.zeros((2, 20))
    weights[0, :10], weights[1] = 1.0, 1.0
    transforms = fitted(matches.target, matches.source, weights)
    assert error(transforms[0])[0] < 1.0
    assert error(transforms[1])[0] > 1.0


def test_matches_agree_when_one_motion_explains_them() -> None:
    """Against a plain loop over the pairs."""
    matches = made_up(15, 15, rotations=True)
    found = compatible(matches)
    assert matches.rotations is not None
    for i in range(30):
        for j in range(30):
            s, t = matches.source[j] - matches.source[i], matches.target[j] - matches.target[i]
            length = np.linalg.norm(s)
            turn = Rotation.from_matrix(matches.rotations[i].T @ matches.rotations[j]).magnitude()
            expected = (
                abs(length - np.linalg.norm(t)) < 4.0
                and min(length, np.linalg.norm(t)) > 3.0
                and np.cos(turn) > 0.82
                and np.linalg.norm(t - matches.rotations[i] @ s) < 3.0 + 0.5 * length
            )
            assert found[i, j] == expected
    assert found[:15, :15].mean() > 0.7
    assert found[15:, 15:].mean() < 0.05


def test_lengths_are_distances() -> None:
    points = np.random.default_rng(0).uniform(-50.0, 50.0, (40, 3)).astype(np.float32)
    np.testing.assert_allclose(lengths(points), np.linalg.norm(points[:, None] - points[None], axis=2), atol=0.05)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_matches_propose_nothing(count: int) -> None:
    transforms, support = hypothesise(made_up(count, 0, rotations=True), np.ones(count))
    assert transforms.shape == (0, 4, 4)
    assert support.shape == (0,)


def test_matches_that_agree_with_nothing_propose_nothing() -> None:
    matches = made_up(3, 0, rotations=False)
    apart = MatchedPoints(
        matches.target * 3.0, matches.source, matches.target_normals, matches.source_normals, True, None
    )
    transforms, _ = hypothesise(apart, np.ones(3))
    assert len(transforms) == 0
