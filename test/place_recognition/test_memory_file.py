"""The format of memory files, held by one that version 0.1.0 wrote: it must be read for as long as its version is 1."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.types import Observation

STORED = Path(__file__).parent / "data" / "format_1.places"
MODEL, SIZE, KEYFRAMES = "a" * 64, 16, 2


def observation(number: int) -> Observation:
    """The observation of a keyframe, before it was rounded and stored."""
    counts, descriptor = np.arange(64), np.cos(np.arange(SIZE) + number)
    return Observation(
        descriptor=(descriptor / np.linalg.norm(descriptor)).astype(np.float32),
        keypoints=np.stack([0.25 * np.arange(5) - number, 2.0 - 0.5 * np.arange(5)], axis=1).astype(np.float32),
        features=(np.arange(5 * 8 * 3).reshape(5, 8, 3) - 60).astype(np.int8),
        image=(counts.reshape(8, 8) % 11).astype(np.uint8),
        cloud=np.stack([0.5 * counts, -0.25 * counts, 0.02 * (counts % 7) + number], axis=1).astype(np.float32),
        T_level_base=np.array([[0.8, 0, 0.6, 0], [0, 1, 0, 0], [-0.6, 0, 0.8, 0], [0, 0, 0, 1]], dtype=np.float64),
    )


def pose(number: int) -> np.ndarray:
    T_map_base = np.eye(4)
    T_map_base[:3, 3] = [10.0 * number, -1.5, 0.25]
    return T_map_base


def test_a_stored_file_is_read() -> None:
    memory = PlaceMemory.load(STORED, MODEL, SIZE)
    assert len(memory) == KEYFRAMES
    for number in range(KEYFRAMES):
        keyframe, expected = memory.keyframe(number), observation(number)
        assert keyframe.stamp_ns == number * 1_000_000_000 + 7
        np.testing.assert_array_equal(keyframe.T_map_base, pose(number))
        np.testing.assert_allclose(keyframe.observation.descriptor, expected.descriptor, atol=1e-3)
        np.testing.assert_allclose(keyframe.observation.keypoints, expected.keypoints, atol=0.0051)
        np.testing.assert_array_equal(keyframe.observation.features, expected.features)
        np.testing.assert_array_equal(keyframe.observation.image, expected.image)
        by_x = np.argsort(keyframe.observation.cloud[:, 0])
        np.testing.assert_allclose(keyframe.observation.cloud[by_x], expected.cloud, atol=0.0101)
        np.testing.assert_array_equal(keyframe.observation.T_level_base, expected.T_level_base)


def test_a_file_written_now_has_the_layout_of_the_stored_one(tmp_path: Path) -> None:
    memory = PlaceMemory(MODEL, SIZE)
    for number in range(KEYFRAMES):
        memory.add(observation(number), pose(number), number * 1_000_000_000 + 7)
    memory.save(tmp_path / "now.places")
    queries = (
        "PRAGMA application_id",
        "PRAGMA user_version",
        "SELECT sql FROM sqlite_master ORDER BY name",
        "SELECT * FROM memory",
        "SELECT id, stamp_ns, descriptor, keypoints, features, T_level_base FROM keyframe ORDER BY id",
        "SELECT * FROM pose ORDER BY id",
    )  # image and cloud are compressed, which another zlib may do with other bytes
    stored, now = (rows(path, queries) for path in (STORED, tmp_path / "now.places"))
    assert now == stored


def rows(path: Path, queries: tuple[str, ...]) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return [connection.execute(query).fetchall() for query in queries]
    finally:
        connection.close()
