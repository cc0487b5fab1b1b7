"""The format of memory files, held by stored ones: version 1 as 0.1.0 wrote it, and version 2; both must be read.

Damage anywhere is refused, or leaves what is read as it was.
"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isometry.place_recognition.memory import MemoryFileError, PlaceMemory
from isometry.place_recognition.stored_observation import decode, encode
from isometry.place_recognition.types import Observation

DATA = Path(__file__).parent / "data"
OLD, STORED = DATA / "format_1.places", DATA / "format_2.places"
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


@pytest.mark.parametrize("path", [OLD, STORED])
def test_a_stored_file_is_read(path: Path) -> None:
    memory = PlaceMemory.load(path, MODEL, SIZE)
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
        "SELECT id, T_map_base, checksum FROM pose ORDER BY id",
    )  # image and cloud are compressed, which another zlib may do with other bytes
    stored, now = (rows(path, queries) for path in (STORED, tmp_path / "now.places"))
    assert now == stored


def rows(path: Path, queries: tuple[str, ...]) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return [connection.execute(query).fetchall() for query in queries]
    finally:
        connection.close()


def content_of(path: Path) -> list[tuple[object, ...]]:
    """All that a memory gives back, in a form that can be compared."""
    memory = PlaceMemory.load(path, MODEL, SIZE)
    content: list[tuple[object, ...]] = []
    for number in range(len(memory)):
        keyframe = memory.keyframe(number)
        observed = (getattr(keyframe.observation, part.name).tobytes() for part in fields(Observation))
        content.append((keyframe.stamp_ns, keyframe.T_map_base.tobytes(), *observed))
    return content


def test_a_file_of_the_old_version_can_be_extended(tmp_path: Path) -> None:
    path = tmp_path / "map.places"
    shutil.copy(OLD, path)
    memory = PlaceMemory.load(path, MODEL, SIZE)
    memory.attach(path)
    memory.add(observation(2), pose(2), 99)
    memory.detach()
    assert [file.name for file in tmp_path.iterdir()] == ["map.places"]
    assert content_of(path)[:2] == content_of(OLD)
    assert PlaceMemory.load(path, MODEL, SIZE).stamps_ns.tolist() == [7, 1_000_000_007, 99]
    (version,) = rows(path, ("PRAGMA user_version",))[0]
    assert version == (2,)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bits_anywhere_are_refused_or_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(STORED.read_bytes())
    beginning = st.integers(0, 8 * 4096 - 1)  # its header and tables, where damage could hide rows
    for bit in data.draw(st.lists(beginning | st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        content[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.mktemp("flipped", numbered=True) / "map.places"
    path.write_bytes(content)
    read: str | list[tuple[object, ...]]
    try:
        read = content_of(path)
    except MemoryFileError as error:
        read = str(error)
    shutil.rmtree(path.parent)
    assert read.startswith(f"{path}: ") if isinstance(read, str) else read == content_of(STORED)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pose SET T_map_base = (SELECT T_map_base FROM pose WHERE id = 1) WHERE id = 0",
        "UPDATE keyframe SET stamp_ns = stamp_ns + 1 WHERE id = 1",
        "DELETE FROM keyframe WHERE id = 1",
        "DELETE FROM pose WHERE id = 1",
        "DELETE FROM pose; DELETE FROM keyframe",
        "DELETE FROM memory",
        "UPDATE pose SET id = id + 1 WHERE id = 1; UPDATE keyframe SET id = id + 1 WHERE id = 1",
        "UPDATE keyframe SET image = 'text'",
        "UPDATE memory SET keyframes = 1",
    ],
)
def test_rows_that_others_have_changed_are_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "map.places"
    shutil.copy(STORED, path)
    connection = sqlite3.connect(path)
    connection.executescript(change)
    connection.close()
    with pytest.raises(MemoryFileError, match=r"map\.places: truncated or damaged: "):
        PlaceMemory.load(path, MODEL, SIZE)


def test_the_poses_of_the_old_version_must_be_poses(tmp_path: Path) -> None:
    path = tmp_path / "map.places"
    shutil.copy(OLD, path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE pose SET T_map_base = ? WHERE id = 1", ((2.0 * pose(1)).astype("<f8").tobytes(),))
    connection.close()
    with pytest.raises(MemoryFileError, match="keyframe 1 is not as it was written"):
        PlaceMemory.load(path, MODEL, SIZE)


@pytest.mark.parametrize("part", ["image", "cloud"])
def test_compressed_bytes_that_promise_too_much_are_refused(part: str) -> None:
    bomb = zlib.compress(bytes(100_000_000), 9)
    with pytest.raises(ValueError, match="stored observation is damaged: it is cut off, or has more than"):
        decode(encode(observation(0))._replace(**{part: bomb}))
    with pytest.raises(ValueError, match="stored observation is damaged"):
        decode(encode(observation(0))._replace(**{part: bomb[:50]}))
