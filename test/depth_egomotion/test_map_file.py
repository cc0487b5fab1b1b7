"""The file of a map: what is read answers as what was saved, and damage is named and does no harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.keyframe import Observed
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.map_file import MapFileError, load_map, save_map
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3
from isometry.simulation.painted_room import walk_pose

Follow = Callable[..., list[EgoMotionStep]]


@pytest.fixture(scope="module")
def walked(walk: Sequence[CameraFrame], follow: Follow) -> KeyframeMap:
    """The map of a walk; not to be changed."""
    method = RgbdEgoMotion(EgoMotionParameters())
    follow(method, walk)
    return method.map


@pytest.fixture
def saved(walked: KeyframeMap, tmp_path: Path) -> Path:
    path = tmp_path / "room.map"
    save_map(path, walked)
    return path


def answer(keyframes: KeyframeMap, frame: CameraFrame) -> Any:
    located = keyframes.locate(Observed(rectified(frame), 0, 8.0))
    assert located is not None
    return located


def test_what_is_read_answers_as_what_was_saved(
    walked: KeyframeMap, saved: Path, view: Callable[..., CameraFrame]
) -> None:
    read = load_map(saved)
    assert len(read) == len(walked) >= 3
    np.testing.assert_array_equal(read.graph.T_map_keyframe, walked.graph.T_map_keyframe)
    for number in (2, 14, 27):
        frame = view(walk_pose(number), seed=90)
        metres, radians = se3.distance(answer(read, frame).T_map_camera, answer(walked, frame).T_map_camera)
        assert metres < 0.002
        assert radians < 0.001
    read.graph.optimise()
    np.testing.assert_allclose(read.graph.T_map_keyframe, walked.graph.T_map_keyframe, atol=2e-3)


def test_what_is_read_and_saved_again_is_the_same(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "deep" / "again.map"
    save_map(again, load_map(saved))
    with np.load(saved) as first, np.load(again) as second:
        assert first.files == second.files
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name])
    assert [path.name for path in again.parent.iterdir()] == ["again.map"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MapFileError, match=r"nowhere\.map: no such file"):
        load_map(tmp_path / "nowhere.map")
    with pytest.raises(MapFileError, match="no such file"):
        load_map(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_is_named(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(MapFileError, match=r"room\.map: not a map of keyframes, or damaged"):
        load_map(saved)


def test_a_damaged_file_is_named_or_reads_as_it_was(saved: Path, walked: KeyframeMap) -> None:
    content, random = saved.read_bytes(), np.random.default_rng(5)
    told = []
    for _ in range(150):
        damaged = bytearray(content)
        at = int(random.integers(len(content)))
        damaged[at] ^= 1 << int(random.integers(8))
        saved.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(load_map(saved).graph.T_map_keyframe, walked.graph.T_map_keyframe)
        except MapFileError as error:
            told.append(str(error))
    assert len(told) > 100
    assert all(line.startswith(f"{saved}: ") for line in told)


@pytest.mark.parametrize("content", [b"not a map", b"PK\x03\x04", b""], ids=["text", "a beginning of a zip", "empty"])
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.map"
    path.write_bytes(content)
    with pytest.raises(MapFileError, match=r"other\.map: not a map of keyframes, or damaged"):
        load_map(path)


def rewritten(path: Path, **changes: Any) -> None:
    """The file with some arrays changed, or taken away where the change is None."""
    with np.load(path) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    content |= changes
    with open(path, "wb") as file:
        np.savez(file, allow_pickle=False, **{name: value for name, value in content.items() if value is not None})


def test_a_file_of_another_version_is_named_with_both(saved: Path) -> None:
    rewritten(saved, version=np.array(7))
    with pytest.raises(MapFileError, match=r"room\.map: a map of version 7, this program reads 1"):
        load_map(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"1/points": None},
        {"T_map_keyframe": np.full((3, 4, 4), np.nan)},
        {"T_map_keyframe": np.zeros((3, 5))},
        {"T_map_keyframe": np.tile(np.eye(4), (2, 1, 1))},
        {"numbers": np.array([0, 1, 55])},
        {"ends": np.array([[0, 55]])},
        {"1/grey": np.zeros((3, 3), np.uint8)},
        {"1/points": np.zeros((2, 3))},
        {"1/descriptors": np.zeros((7, 12), np.uint8)},
        {"version": np.array("one")},
    ],
    ids=[
        *("no points", "no numbers", "no poses", "too few poses", "another keyframe", "wrong relations"),
        *("small image", "few points", "short descriptors", "wordy version"),
    ],
)
def test_parts_that_do_not_fit_are_named(saved: Path, changes: dict[str, Any]) -> None:
    rewritten(saved, **changes)
    with pytest.raises(MapFileError, match=r"room\.map: "):
        load_map(saved)


def test_an_empty_map_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no keyframe to save"):
        save_map(tmp_path / "empty.map", KeyframeMap())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_map_that_was_there(
    walked: KeyframeMap, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        save_map(saved, walked)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["room.map"]
