"""An observation in few bytes, for the memory and its file."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.place_recognition.types import Observation

OBSERVATION_BYTES = 19_000  # the cloud is thinned until the observation fits; a keyframe is then below 20 kB
CLOUD_BYTES_AT_LEAST = 2_000  # the cloud is not thinned further
CLOUD_POINTS_AT_MOST = 4_000
IMAGE_BYTES_AT_MOST = 1024 * 1024  # of an image; a few compressed bytes can promise a thousand times as many
CLOUD_BYTES_AT_MOST = CLOUD_POINTS_AT_MOST * 3 * 2
CLOUD_STEP = 0.02  # metres; below the noise of the sensors
KEYPOINT_STEP = 0.01  # metres
ORIENTATIONS = 8


class StoredObservation(NamedTuple):
    """The parts of an observation as in the file, in the order of its columns."""

    descriptor: bytes  # D float16
    keypoints: bytes  # K x 2 int16, in steps of 1 cm
    features: bytes  # K x 8 x F int8
    image: bytes  # S x S uint8, zlib
    cloud: bytes  # see `_encode_cloud`
    T_level_base: bytes  # 4 x 4 float64


def encode(observation: Observation) -> StoredObservation:
    """Compress an observation.

    Positions are rounded: keypoints to 1 cm (at most 327 m away), points to 2 cm (those beyond 655 m are left out).
    """
    without_cloud = StoredObservation(
        descriptor=observation.descriptor.astype("<f2").tobytes(),
        keypoints=np.round(observation.keypoints / KEYPOINT_STEP).astype("<i2").tobytes(),
        features=observation.features.astype(np.int8).tobytes(),
        image=zlib.compress(observation.image.astype(np.uint8).tobytes()),
        cloud=b"",
        T_level_base=observation.T_level_base.astype("<f8").tobytes(),
    )
    room = max(OBSERVATION_BYTES - stored_bytes(without_cloud), CLOUD_BYTES_AT_LEAST)
    return without_cloud._replace(cloud=_encode_cloud(observation.cloud, room))


def decode(stored: StoredObservation) -> Observation:
    """Inverse of `encode` up to its rounding. Raises ValueError for other bytes."""
    descriptor = np.frombuffer(stored.descriptor, "<f2").astype(np.float32)
    keypoints = np.frombuffer(stored.keypoints, "<i2").reshape(-1, 2).astype(np.float32) * np.float32(KEYPOINT_STEP)
    fields = len(stored.features) // (ORIENTATIONS * max(len(keypoints), 1))
    image = np.frombuffer(_inflated(stored.image, IMAGE_BYTES_AT_MOST), np.uint8)
    side = int(np.sqrt(image.size))
    return Observation(
        descriptor=_read_only(descriptor / max(float(np.linalg.norm(descriptor)), 1e-12)),
        keypoints=_read_only(keypoints),
        features=np.frombuffer(stored.features, np.int8).reshape(len(keypoints), ORIENTATIONS, fields),
        image=image.reshape(side, side),
        cloud=_read_only(_decode_cloud(stored.cloud)),
        T_level_base=np.frombuffer(stored.T_level_base, "<f8").reshape(4, 4),
    )


def stored_bytes(stored: StoredObservation) -> int:
    """Bytes of all parts."""
    return sum(len(part) for part in stored)


def _encode_cloud(cloud: NDArray[np.floating], room: int) -> bytes:
    """At most `room` bytes: points sorted by x, y, z in steps of 2 cm, each axis as differences, compressed by zlib.

    A cloud that does not fit is thinned evenly along the sorted order.
    """
    rounded = np.round(np.asarray(cloud, dtype=np.float64) / CLOUD_STEP)
    steps = rounded[np.all(np.abs(rounded) < 2**15, axis=1)].astype(np.int16)  # a comparison that NaN fails
    steps = _evenly(steps[np.lexsort(steps.T[::-1])], CLOUD_POINTS_AT_MOST)
    while True:
        differences = np.diff(steps, axis=0, prepend=np.zeros((1, 3), np.int16))  # wraps around, and so does the sum
        planes = (
            differences.T.astype("<i2", order="C").view(np.uint8).reshape(3, -1, 2).swapaxes(1, 2)
        )  # low bytes, then high bytes
        encoded = zlib.compress(planes.tobytes())
        if len(encoded) <= room or not len(steps):
            return encoded
        steps = _evenly(steps, int(0.98 * len(steps) * room / len(encoded)))


def _decode_cloud(encoded: bytes) -> NDArray[np.float32]:
    planes = np.frombuffer(_inflated(encoded, CLOUD_BYTES_AT_MOST), np.uint8).reshape(3, 2, -1)
    differences = planes.swapaxes(1, 2).copy().view("<i2")[..., 0]
    steps = np.cumsum(differences, axis=1, dtype=np.int16)
    return np.ascontiguousarray(steps.T).astype(np.float32) * np.float32(CLOUD_STEP)


def _inflated(data: bytes, at_most: int) -> bytes:
    """The whole content of compressed bytes. Raises ValueError where it is more than `at_most`, or is cut off."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, at_most)
        # the end of the data may be read only by a second call, which must give nothing more
        rest = inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError(f"stored observation is damaged: {error}") from error
    if rest or not inflater.eof:
        raise ValueError(f"stored observation is damaged: it is cut off, or has more than {at_most} bytes")
    return content


def _evenly(rows: NDArray[np.int16], count: int) -> NDArray[np.int16]:
    """At most `count` rows, at even distances."""
    if len(rows) <= count:
        return rows
    return rows[np.arange(count) * len(rows) // max(count, 1)]


def _read_only(array: NDArray[np.float32]) -> NDArray[np.float32]:
    array.setflags(write=False)
    return array
