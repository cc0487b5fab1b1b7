"""`isometry evaluate camera-relocalisation`, as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app

KITCHEN = "rgbd/redkitchen_7scenes"


def part_of_kitchen(folder: Path, kitchen: Path, frames: Sequence[int]) -> Path:
    """A scene of some frames of a real one, by their numbers."""
    for name, ending in (("color", "jpg"), ("depth", "png")):
        (folder / name).mkdir(parents=True)
        for frame in frames:
            (folder / name / f"{frame:06d}.{ending}").symlink_to(kitchen / name / f"{frame:06d}.{ending}")
    rows = [line for line in (kitchen / "poses.txt").read_text().splitlines() if not line.startswith("#")]
    chosen = [row for row in rows if int(row.split()[0]) in frames]
    (folder / "poses.txt").write_text("\n".join(chosen) + "\n")
    (folder / "K.txt").write_text((kitchen / "K.txt").read_text())
    return folder


def test_images_between_those_of_the_map_are_found(shared_data: Path, tmp_path: Path) -> None:
    kitchen, json_file = shared_data / KITCHEN, tmp_path / "figures.json"
    folders = {
        "--map": part_of_kitchen(tmp_path / "map", kitchen, [6 * k for k in range(8)]),
        "--queries": part_of_kitchen(tmp_path / "queries", kitchen, [6 * k + 3 for k in range(7)]),
        "--json": json_file,
    }
    arguments = [str(part) for pair in folders.items() for part in pair]
    result = CliRunner().invoke(app, ["evaluate", "camera-relocalisation", *arguments, "--every", "2"])
    assert result.exit_code == 0, result.output
    found = json.loads(json_file.read_text())
    assert found["n"] == 4
    assert found["data"] == "map map queries queries every 2"
    assert found["within_10cm_10deg"] >= 0.5
    assert found["wrong_accepted"] == 0
    assert "most_alike" in found["trivial"]


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nowhere", "nowhere: no such directory"), (".", "neither seq-NN folders nor a file rgb.txt in it")],
)
def test_folders_that_hold_no_recording_get_one_line(
    refusal: Callable[..., str], tmp_path: Path, folder: str, words: str
) -> None:
    path = tmp_path / folder
    assert words in refusal("evaluate", "camera-relocalisation", "--map", path, "--queries", path)


def test_a_room_without_poses_is_refused(refusal: Callable[..., str], shared_data: Path) -> None:
    cafe = shared_data / "rgbd/7scenes/cafe"
    assert "it has no poses" in refusal("evaluate", "camera-relocalisation", "--map", cafe, "--queries", cafe)
