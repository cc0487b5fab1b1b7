"""`isometry run` and `isometry demo` with what they cannot replay; test/evaluation/replay has whole replays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

BROKEN_BAGS = [
    ("nowhere", "nowhere: no such file or directory"),
    ("{}/bag.mcap", "{}/bag.mcap: not a readable bag"),
    ("{}/empty", "{}/empty: not a readable bag"),
]


@pytest.mark.parametrize("node", ["place-recognition", "tracking"])
@pytest.mark.parametrize(("bag", "reason"), BROKEN_BAGS)
def test_a_bag_that_cannot_be_read_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, node: str, bag: str, reason: str
) -> None:
    line = refusal("run", node, "--bag", bag.format(nonsense), "--out", nonsense / "out")
    assert line.startswith(reason.format(nonsense))
    assert not list(nonsense.glob("out/*.html"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("run", "tracking", "--bag", "nowhere", "--parameter", "speed"), "--parameter 'speed' is not of the form"),
        (("demo", "--kitti", "{}/empty"), "{}/empty/sequences/00/velodyne: no such directory"),
        (("demo", "--kitti", "nowhere"), "nowhere/sequences/00/velodyne: no such directory"),
        (("demo", "--frames", "5"), "'5' is not of the form A:B"),
    ],
)
def test_bad_arguments_get_one_line(
    refusal: Callable[..., str], nonsense: Path, arguments: tuple[str, ...], reason: str
) -> None:
    line = refusal(*(argument.format(nonsense) for argument in arguments), "--out", nonsense / "out")
    assert line.startswith(reason.format(nonsense))
