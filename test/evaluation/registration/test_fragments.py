"""Fragments of a room: which pairs there are, and when a transform is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.rgbd_fragments import Fragment
from isometry.datasets.three_d_match import FragmentPair
from isometry.evaluation.registration.fragments import COUNTED, NEIGHBOURS, FragmentProtocol, ThreeDMatchProtocol
from isometry.geometry import se3


@pytest.fixture(scope="module")
def fragments() -> list[Fragment]:
    """Pieces of 4 m of a rough wall along x, each 1.2, 3.2 and 9 m further on, seen from cameras that turn."""
    random = np.random.default_rng(0)
    wall = np.column_stack([random.uniform(0.0, 16.0, 60_000), random.uniform(0.0, 2.0, (60_000, 1)), np.zeros(60_000)])
    wall[:, 2] = 0.2 * np.sin(3.0 * wall[:, 0]) * np.cos(2.0 * wall[:, 1])
    pieces = []
    for k, start in enumerate((0.0, 1.2, 3.2, 9.0)):
        turn = Rotation.from_rotvec([0.1 * k, 0.3 * k, -0.2 * k]).as_matrix()
        T_world_fragment = se3.from_rotation_translation(turn, np.array([start, 1.0, 2.0]))
        seen = wall[(wall[:, 0] >= start) & (wall[:, 0] < start + 4.0)]
        points = se3.apply(se3.inverse(T_world_fragment), seen).astype(np.float32)
        pieces.append(Fragment(points, T_world_fragment, f"{k}"))
    return pieces


def test_pairs_are_sorted_by_how_much_they_overlap(fragments: list[Fragment]) -> None:
    # 0 and 1 share 2.8 of 4 m, 1 and 2 2 m, 0 and 2 0.8 m, and nothing shares anything with 3
    assert FragmentProtocol().pairs(fragments) == [("over_0.3", 0, 1), ("over_0.3", 1, 2), ("0.1_to_0.3", 0, 2)]
    with pytest.raises(ValueError, match="none of the 2 fragments overlaps"):
        FragmentProtocol().pairs([fragments[0], fragments[3]])


@pytest.mark.parametrize("rotate", ["none", "so3"])
def test_right_is_a_shift_of_less_than_20_centimetres(fragments: list[Fragment], rotate: str) -> None:
    protocol = FragmentProtocol(rotate=rotate)
    for case in protocol.cases(fragments, protocol.pairs(fragments)):
        T = case.pair.T_target_source
        in_world = se3.apply(fragments[case.target].T_world_fragment @ T, case.pair.source.astype(np.float64))
        source = fragments[case.source]
        np.testing.assert_allclose(
            in_world, se3.apply(source.T_world_fragment, source.points.astype(np.float64)), atol=1e-4
        )
        for metres, right in ((0.0, True), (0.19, True), (0.21, False)):
            moved = T.copy()
            moved[:3, 3] += metres * np.array([0.6, 0.0, 0.8])
            assert case.is_right(moved) == right


def test_a_turn_counts_by_how_far_it_moves_the_shared_points(fragments: list[Fragment]) -> None:
    protocol = FragmentProtocol()
    case = next(protocol.cases(fragments, [("over_0.3", 0, 1)]))
    # about the middle of what is shared (2.6 m along, 1 m up), points lie up to 1.7 m away
    middle = se3.inverse(fragments[0].T_world_fragment) @ np.array([2.6, 1.0, 0.0, 1.0])
    for degrees, right in ((8.0, True), (20.0, False)):
        turn = Rotation.from_rotvec([0.0, 0.0, np.radians(degrees)]).as_matrix()
        about = se3.from_rotation_translation(turn, middle[:3] - turn @ middle[:3])
        assert case.is_right(about @ case.pair.T_target_source) == right


class Scene:
    """Stands for a published scene with the same three fragments."""

    name = "kitchen"

    def __init__(self, fragments: list[Fragment]) -> None:
        self.fragments = fragments
        self.pairs = []
        for target, source in ((0, 1), (0, 2)):
            T = se3.inverse(fragments[target].T_world_fragment) @ fragments[source].T_world_fragment
            self.pairs.append(FragmentPair(target, source, T, 500.0 * np.eye(6)))

    def fragment(self, number: int) -> np.ndarray:
        return self.fragments[number].points.astype(np.float64)


def test_published_pairs_are_judged_by_their_information(fragments: list[Fragment]) -> None:
    protocol, scenes = ThreeDMatchProtocol(rotate="so3", seed=3), [Scene(fragments)]
    cases = list(protocol.cases(scenes))  # type: ignore[arg-type]
    assert protocol.count(scenes) == len(cases) == 2  # type: ignore[arg-type]
    assert [case.group for case in cases] == [NEIGHBOURS, COUNTED]
    for case in cases:
        assert case.scene == "kitchen"
        moved = case.pair.T_target_source.copy()
        assert case.is_right(moved)
        moved[0, 3] += 0.21
        assert not case.is_right(moved)
