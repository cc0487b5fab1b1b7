"""Corners: where they are taken, and where they are found again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from isometry.depth_egomotion.corners import corners_of, flow, flow_there_and_back

SHAPE = (240, 320)
ALL = np.full(SHAPE, 255, np.uint8)


@pytest.fixture
def shifted(random: np.random.Generator) -> Callable[[float, float], NDArray[np.uint8]]:
    """An image of smooth spots of several sizes, moved by so many pixels to the right and down."""
    noise = random.normal(size=SHAPE).astype(np.float32)
    spots = np.sum([size * np.asarray(cv2.GaussianBlur(noise, (0, 0), size)) for size in (2.0, 6.0, 18.0)], axis=0)
    spots = (spots - spots.min()) / np.ptp(spots) * 255.0

    def moved(right: float, down: float) -> NDArray[np.uint8]:
        shift = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
        return np.asarray(cv2.warpAffine(spots, shift, SHAPE[::-1], flags=cv2.INTER_CUBIC), np.uint8)

    return moved


def test_corners_are_apart_and_where_the_mask_allows_them(shifted: Callable[..., NDArray[np.uint8]]) -> None:
    mask = ALL.copy()
    mask[:, 160:] = 0
    pixels = corners_of(shifted(0, 0), 30, 0.01, 7, mask)
    assert 10 < len(pixels) <= 30
    assert pixels[:, 0].max() < 160
    assert pdist(pixels).min() >= 7.0


def test_an_even_image_has_no_corners() -> None:
    assert corners_of(np.full(SHAPE, 90, np.uint8), 30, 0.01, 7, ALL).shape == (0, 2)
    assert corners_of(np.full(SHAPE, 90, np.uint8), 0, 0.01, 7, ALL).shape == (0, 2)


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (3.4, -2.7), (-11.0, 6.5)])
def test_corners_are_followed_to_parts_of_a_pixel(
    shifted: Callable[..., NDArray[np.uint8]], right: float, down: float
) -> None:
    inner = np.zeros_like(ALL)
    inner[60:-60, 60:-60] = 255
    pixels = corners_of(shifted(0, 0), 40, 0.01, 7, inner)
    there, found = flow_there_and_back(shifted(0, 0), shifted(right, down), pixels, pixels, 3, 0.5)
    assert found.mean() > 0.9
    np.testing.assert_allclose(there[found] - pixels[found], np.broadcast_to([right, down], (found.sum(), 2)), atol=0.2)


def test_a_start_reaches_what_is_too_far_away(shifted: Callable[..., NDArray[np.uint8]]) -> None:
    inner = np.zeros_like(ALL)
    inner[20:-20, 20:200] = 255
    pixels = corners_of(shifted(0, 0), 40, 0.01, 7, inner)
    near = np.add(pixels, [49.0, 1.0], dtype=np.float32)
    start = near.copy()
    there, found = flow(shifted(0, 0), shifted(50, 0), pixels, start, 0)
    np.testing.assert_allclose(there[found] - pixels[found], np.broadcast_to([50, 0], (found.sum(), 2)), atol=0.2)
    assert found.mean() > 0.9
    np.testing.assert_array_equal(start, near)  # is not changed


def test_a_corner_that_is_covered_is_not_found(shifted: Callable[..., NDArray[np.uint8]]) -> None:
    pixels = corners_of(shifted(0, 0), 100, 0.01, 7, ALL)
    after = shifted(2, 0)
    after[:, 200:] = np.random.default_rng(7).integers(0, 255, (SHAPE[0], 120))
    there, found = flow_there_and_back(shifted(0, 0), after, pixels, pixels, 3, 0.5)
    covered = pixels[:, 0] > 215
    assert covered.sum() > 5
    assert found[covered].mean() < 0.3
    assert found[pixels[:, 0] < 160].mean() > 0.9
    assert there.shape == pixels.shape


def test_no_corners_are_followed_to_nowhere() -> None:
    none = np.zeros((0, 2), np.float32)
    there, found = flow(ALL, ALL, none, none, 3)
    assert there.shape == (0, 2)
    assert found.shape == (0,)
