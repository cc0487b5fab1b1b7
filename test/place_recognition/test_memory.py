"""The place memory as its users see it: search, what a keyframe gives back, and what survives in the file."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.place_recognition.memory import MemoryFileError, PlaceMemory
from isometry.place_recognition.types import Observation

MODEL = "a" * 64
SIZE = 256


def descriptors(count: int, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Unit descriptors (count, size) along a drive through places, their variance falling with the dimension."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(count // 20 + 2, size))
    position = np.linspace(0, len(places) - 1.001, count)
    left, along = position.astype(int), (position % 1.0)[:, None]
    drawn = (1 - along) * places[left] + along * places[left + 1] + 0.3 * rng.normal(size=(count, size))
    drawn *= (1.0 + np.arange(size)) ** -0.7
    unit: np.ndarray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit.astype(np.float32)


def observation(seed: int = 0, points: int = 300, descriptor: np.ndarray | None = None) -> Observation:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 10, (152, 152), dtype=np.uint8) * (rng.random((152, 152)) < 0.2)
    return Observation(
        descriptor=descriptors(1, seed=seed)[0] if descriptor is None else descriptor,
        keypoints=rng.uniform(-30, 30, (128, 2)).astype(np.float32),
        features=rng.integers(-127, 128, (128, 8, 6), dtype=np.int8),
        image=image.astype(np.uint8),
        cloud=rng.uniform((-50, -50, -2), (50, 50, 8), (points, 3)).astype(np.float32),
        T_level_base=se3.from_rotation_translation(se3.levelling_rotation(np.array([0.1, 0.0, 1.0])), np.zeros(3)),
    )


def bare_observation() -> Observation:
    return replace(
        observation(),
        keypoints=np.empty((0, 2), np.float32),
        features=np.empty((0, 8, 6), np.int8),
        image=np.zeros((2, 2), np.uint8),
        cloud=np.empty((0, 3), np.float32),
    )


def filled(count: int, stamps_ns: np.ndarray | None = None) -> PlaceMemory:
    memory = PlaceMemory(MODEL, SIZE)
    template = observation()
    stamps_ns = np.arange(count) * 10 if stamps_ns is None else stamps_ns
    for number, descriptor in enumerate(descriptors(count)):
        T_map_base = se3.from_planar(float(number), 0.5, 0.1)
        assert memory.add(replace(template, descriptor=descriptor), T_map_base, int(stamps_ns[number])) == number
    return memory


def assert_same(left: PlaceMemory, right: PlaceMemory) -> None:
    assert len(left) == len(right)
    np.testing.assert_array_equal(left.stamps_ns, right.stamps_ns)
    np.testing.assert_array_equal(left.poses, right.poses)
    for number in range(len(left)):
        one, other = left.keyframe(number).observation, right.keyframe(number).observation
        for part in fields(Observation):
            np.testing.assert_array_equal(getattr(one, part.name), getattr(other, part.name))


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[tuple[PlaceMemory, Path]]:
    memory = filled(3)
    memory.attach(tmp_path / "map.isometry")
    yield memory, tmp_path / "map.isometry"
    memory.detach()


def test_a_keyframe_gives_back_what_was_added_up_to_documented_rounding() -> None:
    memory, added = PlaceMemory(MODEL, SIZE), observation(seed=1)
    before = [getattr(added, part.name).copy() for part in fields(Observation)]
    T_map_base = se3.from_planar(1.0, 2.0, 3.0)
    keyframe = memory.keyframe(memory.add(added, T_map_base, 7))

    kept = keyframe.observation
    assert (keyframe.identifier, keyframe.stamp_ns) == (0, 7)
    np.testing.assert_array_equal(keyframe.T_map_base, T_map_base)
    np.testing.assert_allclose(kept.descriptor, added.descriptor, atol=1e-3)
    np.testing.assert_allclose(kept.keypoints, added.keypoints, atol=0.0051)
    np.testing.assert_array_equal(kept.features, added.features)
    np.testing.assert_array_equal(kept.image, added.image)
    np.testing.assert_array_equal(kept.T_level_base, added.T_level_base)
    nearest = np.linalg.norm(kept.cloud[:, None] - added.cloud[None], axis=2).min(axis=1)
    assert len(kept.cloud) == len(added.cloud)
    assert nearest.max() < 0.01 * np.sqrt(3) + 1e-4
    for part, value in zip(fields(Observation), before, strict=True):
        np.testing.assert_array_equal(getattr(added, part.name), value)


def test_a_keyframe_costs_at_most_20_kB_in_the_file_however_large_its_cloud_is(tmp_path: Path) -> None:
    memory = PlaceMemory(MODEL, 512)
    for seed in range(20):
        descriptor = descriptors(1, size=512, seed=seed)[0]
        memory.add(observation(seed, points=20_000, descriptor=descriptor), np.eye(4), seed)
    memory.save(tmp_path / "map.isometry")
    in_file = (tmp_path / "map.isometry").stat().st_size / len(memory)
    assert in_file < 20_000
    assert memory.bytes_per_keyframe == pytest.approx(in_file, rel=0.02)
    cloud = memory.keyframe(0).observation.cloud
    assert len(cloud) > 500
    np.testing.assert_allclose(cloud.mean(axis=0), (0, 0, 3), atol=3.0)  # thinned evenly


def test_points_that_are_not_finite_or_too_far_are_not_kept() -> None:
    memory, cloud = PlaceMemory(MODEL, SIZE), np.array([[1, 2, 3], [np.nan, 0, 0], [np.inf, 0, 0], [900, 0, 0]])
    memory.add(replace(observation(), cloud=cloud.astype(np.float32)), np.eye(4), 0)
    np.testing.assert_allclose(memory.keyframe(0).observation.cloud, [[1, 2, 3]], atol=0.011)


def test_an_observation_without_keypoints_and_points_is_kept() -> None:
    memory = PlaceMemory(MODEL, SIZE)
    kept = memory.keyframe(memory.add(bare_observation(), np.eye(4), 0)).observation
    assert kept.keypoints.shape == (0, 2)
    assert kept.cloud.shape == (0, 3)
    assert len(kept.features) == 0


@pytest.mark.parametrize(("count", "size"), [(2000, 64), (6000, 512)])
def test_search_equals_brute_force(count: int, size: int) -> None:
    stored = descriptors(count, size)
    memory, template = PlaceMemory(MODEL, size), bare_observation()
    for number, descriptor in enumerate(stored):
        memory.add(replace(template, descriptor=descriptor), np.eye(4), number)
    found = 0
    for query in descriptors(count, size, seed=3)[:: count // 20]:
        identifiers, distances = memory.search(query, 25)
        exact = np.linalg.norm(stored - query, axis=1)
        np.testing.assert_allclose(distances, exact[identifiers], atol=2e-3)
        assert np.all(np.diff(distances) >= 0)
        found += len(set(identifiers) & set(np.argsort(exact)[:25]))
    assert found >= 0.99 * 20 * 25


def test_one_thread_adds_while_another_reads(tmp_path: Path) -> None:
    memory, template, added = filled(2), bare_observation(), 400
    memory.attach(tmp_path / "attached.isometry")
    writer = threading.Thread(
        target=lambda: [memory.add(template, np.full((4, 4), float(k + 2)), k + 2) for k in range(added)]
    )
    writer.start()
    while writer.is_alive():
        identifiers, _ = memory.search(template.descriptor, 5, newest_stamp_ns=10**9)
        assert memory.keyframe(int(identifiers.max())).identifier == identifiers.max()
        memory.save(tmp_path / "saved.isometry")
        saved = PlaceMemory.load(tmp_path / "saved.isometry", MODEL, SIZE)
        assert saved.poses[2:, 0, 0].tolist() == list(range(2, len(saved)))
    writer.join()
    memory.detach()
    assert len(memory) == len(PlaceMemory.load(tmp_path / "attached.isometry", MODEL, SIZE)) == added + 2


def test_search_finds_only_what_is_old_enough_in_whatever_order_it_was_added() -> None:
    stamps_ns = np.random.default_rng(0).permutation(60)
    memory = filled(60, stamps_ns)
    identifiers, _ = memory.search(descriptors(60)[30], 100, newest_stamp_ns=19)
    assert set(identifiers) == set(np.flatnonzero(stamps_ns <= 19))
    assert len(memory.search(descriptors(60)[30], 5, newest_stamp_ns=-1)[0]) == 0
    assert memory.search(descriptors(60)[30], 1)[0].tolist() == [30]


def test_an_empty_memory_answers() -> None:
    memory = PlaceMemory(MODEL, SIZE)
    for newest in (None, 5):
        identifiers, distances = memory.search(descriptors(1)[0], 5, newest)
        assert len(identifiers) == len(distances) == 0
    assert len(memory) == 0
    assert memory.poses.shape == (0, 4, 4)
    assert memory.bytes_per_keyframe == 0.0


def test_wrong_shapes_are_refused_and_change_nothing() -> None:
    memory = filled(2)
    for wrong in (
        lambda: memory.add(replace(observation(), descriptor=np.ones(5, np.float32)), np.eye(4), 0),
        lambda: memory.add(observation(), np.eye(3), 0),
        lambda: memory.search(np.ones(5), 1),
        lambda: memory.set_poses(np.zeros((3, 4, 4))),
    ):
        with pytest.raises(ValueError, match="shape"):
            wrong()
    with pytest.raises(IndexError, match="keyframe 2 of 2"):
        memory.keyframe(2)
    assert len(memory) == 2


def test_what_is_returned_can_be_changed_without_changing_the_memory() -> None:
    memory = filled(2)
    memory.poses[:] = 0.0
    memory.keyframe(0).T_map_base[:] = 0.0
    memory.stamps_ns[:] = 5
    np.testing.assert_array_equal(memory.keyframe(0).T_map_base, se3.from_planar(0.0, 0.5, 0.1))
    assert memory.stamps_ns.tolist() == [0, 10]
    with pytest.raises(ValueError, match="read-only"):
        memory.keyframe(0).observation.cloud[0] = 0.0


def test_save_load_extend(tmp_path: Path) -> None:
    path, memory = tmp_path / "map.isometry", filled(5)
    memory.set_poses(np.stack([se3.from_planar(0.0, float(k), -1.0) for k in range(5)]))
    memory.save(path)
    loaded = PlaceMemory.load(path, MODEL, SIZE)
    assert_same(loaded, memory)
    assert loaded.search(descriptors(5)[3], 1)[0].tolist() == [3]
    assert loaded.add(observation(9), np.eye(4), 999) == 5
    loaded.save(path)
    assert_same(PlaceMemory.load(path, MODEL, SIZE), loaded)
    assert [file.name for file in tmp_path.iterdir()] == ["map.isometry"]


def test_every_change_of_an_attached_memory_is_in_its_file(attached: tuple[PlaceMemory, Path]) -> None:
    memory, path = attached
    memory.add(observation(4), np.eye(4), 4)
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)
    memory.set_poses(np.tile(se3.from_planar(1.0, 2.0, 0.3), (4, 1, 1)))
    memory.save(path)
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)
    memory.clear()
    assert len(memory) == 0
    assert len(PlaceMemory.load(path, MODEL, SIZE)) == 0
    memory.add(observation(5), np.eye(4), 5)
    memory.detach()
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_attaching_never_destroys_another_map(attached: tuple[PlaceMemory, Path]) -> None:
    memory, path = attached
    memory.detach()
    other = PlaceMemory(MODEL, SIZE)
    with pytest.raises(MemoryFileError, match=f"{path}: holds other keyframes"):
        other.attach(path)
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)

    loaded = PlaceMemory.load(path, MODEL, SIZE)
    loaded.add(observation(7), np.eye(4), 7)
    loaded.attach(path)
    loaded.add(observation(8), np.eye(4), 8)
    loaded.detach()
    assert_same(PlaceMemory.load(path, MODEL, SIZE), loaded)


@pytest.fixture
def limit_file_size() -> Iterator[Callable[[int | None], None]]:
    """Lets no file of this process grow beyond so many bytes, as on a full disk; None: any size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if size is None else size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_while_the_file_cannot_grow_the_memory_goes_on_and_the_file_is_completed_later(
    attached: tuple[PlaceMemory, Path], limit_file_size: Callable[[int | None], None]
) -> None:
    memory, path = attached
    limit_file_size(path.stat().st_size + 20_000)
    while not memory.problem:
        memory.add(observation(len(memory)), np.eye(4), len(memory))
        assert len(memory) < 100
    complete = len(memory) - 1
    memory.add(observation(len(memory)), np.eye(4), len(memory))
    memory.set_poses(np.tile(se3.from_planar(1.0, 2.0, 0.3), (len(memory), 1, 1)))
    assert str(path) in memory.problem
    assert f"lacks keyframes from {complete} on" in memory.problem
    with pytest.raises(MemoryFileError, match="lacks"):
        memory.save(path)
    assert len(PlaceMemory.load(path, MODEL, SIZE)) == complete
    limit_file_size(None)
    memory.add(observation(len(memory)), np.eye(4), len(memory))
    assert not memory.problem
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)


def test_detaching_from_a_file_that_cannot_grow_names_it_and_leaves_its_last_complete_state(
    attached: tuple[PlaceMemory, Path], limit_file_size: Callable[[int | None], None]
) -> None:
    memory, path = attached
    limit_file_size(path.stat().st_size + 20_000)
    while not memory.problem:
        memory.add(observation(len(memory)), np.eye(4), len(memory))
    with pytest.raises(MemoryFileError, match=f"{path}: .*lacks keyframes from"):
        memory.detach()
    memory.detach()  # there is nothing attached any more
    assert len(PlaceMemory.load(path, MODEL, SIZE)) == len(memory) - 1


def test_a_failed_save_leaves_the_saved_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, memory = tmp_path / "map.isometry", filled(2)
    memory.save(path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(MemoryFileError, match="No space left"):
            filled(3).save(path)
    assert_same(PlaceMemory.load(path, MODEL, SIZE), memory)
    assert [file.name for file in tmp_path.iterdir()] == ["map.isometry"]


def test_files_that_are_no_memory_of_this_model_are_named(tmp_path: Path) -> None:
    path = tmp_path / "map.isometry"
    filled(30).save(path)
    whole = path.read_bytes()

    def refusal(content: bytes | None, model: str = MODEL, size: int = SIZE) -> str:
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(MemoryFileError) as raised:
            PlaceMemory.load(path, model, size)
        assert str(path) in str(raised.value)
        return str(raised.value)

    assert "another model" in refusal(whole, model="b" * 64)
    assert "descriptors of size" in refusal(whole, size=8)
    assert "empty file" in refusal(b"")
    assert "not a place memory" in refusal(b"solid cube" * 100)
    for length in (100, 1024, 5000, len(whole) // 2, len(whole) - 1024):
        assert "truncated" in refusal(whole[:length])
    assert "damaged" in refusal(whole[: len(whole) // 2] + b"\x55" * 200 + whole[len(whole) // 2 + 200 :])
    assert "format version 9" in refusal(whole[:60] + (9).to_bytes(4, "big") + whole[64:])
    assert "another SQLite database" in refusal(whole[:68] + b"\0\0\0\0" + whole[72:])
    assert "No such file" in refusal(None)


WRITER = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import numpy as np
from test_memory import MODEL, SIZE, observation
from isometry.place_recognition.memory import PlaceMemory
path = Path(sys.argv[1])
memory = PlaceMemory.load(path, MODEL, SIZE) if path.exists() else PlaceMemory(MODEL, SIZE)
memory.attach(path)
template = observation()
while True:
    number = memory.add(template, np.full((4, 4), float(len(memory))), len(memory))
    memory.set_poses(np.full((len(memory), 4, 4), float(number)))
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_while_writing_leaves_the_last_complete_state(tmp_path: Path, seed: int) -> None:
    path, finished = tmp_path / "map.isometry", 0
    arguments = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent), os.getcwd()]
    for delay in random.Random(seed).sample([0.0, 0.003, 0.01, 0.02, 0.05, 0.1], 2):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()  # it has begun to write
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
            printed = (first + writer.stdout.read()).split("\n")
            finished = max([finished, *(int(line) + 1 for line in printed[:-1])])
        loaded = PlaceMemory.load(path, MODEL, SIZE)
        assert len(loaded) in (finished, finished + 1)  # the kill may come between the write and the print
        assert loaded.stamps_ns.tolist() == list(range(len(loaded)))
        assert len(np.unique(loaded.poses[:-1])) <= 1  # never a part of a correction
        for number in range(len(loaded)):
            loaded.keyframe(number)
