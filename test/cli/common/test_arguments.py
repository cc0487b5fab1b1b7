from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isometry.cli.common.arguments import (
    parse_files,
    parse_frames,
    parse_list,
    parse_settings,
    parse_whole_numbers,
)


def test_arguments_are_split_at_their_signs() -> None:
    assert parse_frames("5:") == slice(5, None)
    assert parse_list("--sequences", "0, 2,0,", "0,2") == ["0", "2"]
    assert parse_whole_numbers("--gaps", "5,20,5", "5,20") == [5, 20]
    assert parse_files("--poses", ["0:a/b.txt", "2:c:d"], "0:FILE") == {"0": Path("a/b.txt"), "2": Path("c:d")}
    assert parse_settings("--parameter", ["mode=a=b"]) == {"mode": "a=b"}


@pytest.mark.parametrize(
    "parse",
    [
        lambda: parse_frames("5"),
        lambda: parse_frames("5:5"),
        lambda: parse_list("--sequences", " , ", "0,2"),
        lambda: parse_list("--sequences", "", "0,2"),
        lambda: parse_whole_numbers("--gaps", "5,0", "5,20"),
        lambda: parse_whole_numbers("--gaps", "5,x", "5,20"),
        lambda: parse_files("--poses", ["poses.txt"], "0:FILE"),
        lambda: parse_files("--poses", ["0:"], "0:FILE"),
        lambda: parse_settings("--parameter", ["=1"]),
        lambda: parse_settings("--parameter", ["mode"]),
    ],
)
def test_what_is_written_otherwise_is_refused_in_one_line(parse: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse()
