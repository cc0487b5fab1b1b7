"""Images of ROS as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from isometry.arrays import AnyArray
from isometry.sensing.images import decode_colour, decode_depth, decode_labels


@dataclass
class Message:
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: bytes
    header: Any = None


def message(pixels: AnyArray, encoding: str, padding: int = 0, big: int = 0) -> Message:
    """An image whose rows may be longer than their pixels."""
    height, width = pixels.shape[:2]
    rows = np.frombuffer(np.ascontiguousarray(pixels).tobytes(), np.uint8).reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)))
    return Message(height, width, encoding, big, padded.shape[1], padded.tobytes())


@pytest.mark.parametrize("padding", [0, 5])
def test_colours_of_every_encoding(random: np.random.Generator, padding: int) -> None:
    colour = random.integers(0, 255, (4, 6, 3), np.uint8)
    alpha = np.full((4, 6, 1), 9, np.uint8)
    for encoding, pixels in (
        ("rgb8", colour),
        ("bgr8", colour[..., ::-1]),
        ("8UC3", colour[..., ::-1]),
        ("rgba8", np.concatenate([colour, alpha], axis=2)),
        ("bgra8", np.concatenate([colour[..., ::-1], alpha], axis=2)),
    ):
        np.testing.assert_array_equal(decode_colour(message(pixels, encoding, padding)), colour)
    grey = decode_colour(message(colour[..., 0], "mono8", padding))
    np.testing.assert_array_equal(grey, np.repeat(colour[..., :1], 3, axis=2))


@pytest.mark.parametrize("order", ["<", ">"])
def test_depth_in_millimetres_and_in_metres(order: str) -> None:
    metres = np.array([[0.5, 0.0, 1.25], [2.0, 1.5, 0.75]])
    big = int(order == ">")
    whole = message(np.round(metres * 1000.0).astype(order + "u2"), "16UC1", 2, big)
    np.testing.assert_allclose(decode_depth(whole), metres)
    np.testing.assert_allclose(decode_depth(whole, 2e-4), 0.2 * metres)
    lost = np.where(metres == 0.0, np.nan, metres)
    lost[1, 1] = np.inf
    decoded = decode_depth(message(lost.astype(order + "f4"), "32FC1", 0, big))
    np.testing.assert_allclose(decoded, [[0.5, 0.0, 1.25], [2.0, 0.0, 0.75]])


def test_another_unit_of_depth_is_named() -> None:
    metres = np.full((4, 4), 0.8)
    with pytest.raises(ValueError, match=r"32FC1\) is read in metres and has a median of 800 m: .* millimetres\?"):
        decode_depth(message((1000.0 * metres).astype("<f4"), "32FC1"))
    with pytest.raises(ValueError, match=r"16UC1\) is read in 0.001 m and has a median of 0.001 m"):
        decode_depth(message(np.ceil(metres).astype("<u2"), "16UC1"))
    with pytest.raises(ValueError, match="no pixel of the depth image was measured"):
        decode_depth(message(np.zeros((4, 4), "<u2"), "16UC1"))


def test_labels_of_8_and_16_bits() -> None:
    labels = np.array([[0, 1], [7, 255]])
    np.testing.assert_array_equal(decode_labels(message(labels.astype("u1"), "mono8")), labels)
    np.testing.assert_array_equal(decode_labels(message((200 * labels).astype("<u2"), "16UC1")), 200 * labels)


def test_what_cannot_be_read_is_named() -> None:
    image = message(np.zeros((4, 6, 3), np.uint8), "rgb8")
    with pytest.raises(ValueError, match=r"encoding 'yuv422' of a colour image: it must be one of rgb8"):
        decode_colour(replace(image, encoding="yuv422"))
    with pytest.raises(ValueError, match=r"encoding 'rgb8' of a depth image"):
        decode_depth(image)
    with pytest.raises(ValueError, match=r"6x4 rgb8 needs rows of 18 bytes: it has 30 bytes"):
        decode_colour(replace(image, data=image.data[:30]))
    with pytest.raises(ValueError, match="rows of 9"):
        decode_colour(replace(image, step=9))
    with pytest.raises(ValueError, match="without pixels"):
        decode_colour(replace(image, height=0))
