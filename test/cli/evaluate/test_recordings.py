"""Which recordings a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from isometry.cli.evaluate.recordings import open_folder


def test_a_folder_tells_its_layout_or_is_refused(shared_data: Path, tmp_path: Path) -> None:
    assert [walk.name for walk in open_folder(shared_data / "rgbd/7scenes/cafe")] == ["cafe/seq-01"]
    assert [walk.name for walk in open_folder(shared_data / "rgbd/tum/freiburg1_xyz")] == ["freiburg1_xyz"]
    with pytest.raises(ValueError, match=r"neither seq-NN folders nor a file rgb.txt in it"):
        open_folder(tmp_path)
    with pytest.raises(ValueError, match="absent: no such directory"):
        open_folder(tmp_path / "absent")
