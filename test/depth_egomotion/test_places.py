"""Places: the keyframe that shows the same comes first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.depth_egomotion.features import Features
from isometry.depth_egomotion.places import Places

KEYFRAMES, EACH = 30, 80
NONE = Features(np.zeros((0, 2), np.float32), np.zeros((0, 3)), np.zeros((0, 128), np.float32))


def unit(descriptors: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(np.abs(descriptors) / np.linalg.norm(descriptors, axis=1, keepdims=True), np.float32)


def features(descriptors: NDArray[np.float32], deep: bool = True) -> Features:
    count = len(descriptors)
    return Features(np.zeros((count, 2), np.float32), np.full((count, 3), 1.0 if deep else np.nan), descriptors)


def seen_again(descriptors: NDArray[np.float32], random: np.random.Generator) -> Features:
    """A third of the features with some noise, among others of nothing that was seen before."""
    noisy = descriptors[: EACH // 3] + random.normal(0.0, 0.02, (EACH // 3, 128))
    return features(unit(np.concatenate([noisy, random.normal(size=(EACH, 128)) ** 3])))


@pytest.fixture
def shown(random: np.random.Generator) -> list[NDArray[np.float32]]:
    """Descriptors (N,128) of each keyframe."""
    return [unit(random.normal(size=(EACH, 128)) ** 3) for _ in range(KEYFRAMES)]


@pytest.fixture
def places(shown: list[NDArray[np.float32]]) -> Places:
    found = Places()
    for number, descriptors in enumerate(shown):
        found.add(number, features(descriptors))
    return found


@pytest.mark.parametrize("number", [0, 13, KEYFRAMES - 1])
def test_the_keyframe_that_shows_the_same_comes_first(
    places: Places, shown: list[NDArray[np.float32]], number: int, random: np.random.Generator
) -> None:
    assert places.candidates(seen_again(shown[number], random), 5)[0] == number


def test_a_keyframe_with_the_same_feature_many_times_has_no_more_votes(
    places: Places, shown: list[NDArray[np.float32]], random: np.random.Generator
) -> None:
    query = seen_again(shown[3], random)
    places.add(KEYFRAMES, features(np.repeat(query.descriptors[:2], 40, axis=0)))
    assert places.candidates(query, 5)[0] == 3


def test_only_keyframes_before_one_are_asked_for(
    places: Places, shown: list[NDArray[np.float32]], random: np.random.Generator
) -> None:
    query = seen_again(shown[13], random)
    assert 13 not in places.candidates(query, 5, before=13)
    assert places.candidates(query, 5, before=14)[0] == 13
    assert places.candidates(query, 5, before=0) == []


def test_no_more_are_given_than_asked_for(places: Places, shown: list[NDArray[np.float32]]) -> None:
    assert len(places.candidates(features(shown[0]), 2)) <= 2


def test_what_has_no_depth_is_no_place(places: Places, shown: list[NDArray[np.float32]]) -> None:
    places.add(KEYFRAMES, features(shown[4], deep=False))
    assert places.candidates(features(shown[4]), 5)[0] == 4
    assert KEYFRAMES not in places.candidates(features(shown[4]), 5)


def test_nothing_is_like_an_image_without_features_and_nothing_is_in_an_empty_index(
    places: Places, shown: list[NDArray[np.float32]]
) -> None:
    assert places.candidates(NONE, 3) == []
    assert Places().candidates(features(shown[0]), 3) == []
