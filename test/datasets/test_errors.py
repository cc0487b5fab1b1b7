"""Files of arrays: what is read, and what is named when it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError, reading_arrays


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    with reading_arrays(tmp_path / "a.npz", "a drive") as arrays:
        np.testing.assert_array_equal(arrays["x"], [0, 1, 2])


def test_a_file_that_is_missing_cut_off_nonsense_or_of_other_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", x=np.arange(1000))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:500])
    (tmp_path / "nonsense.npz").write_text("no arrays")
    (tmp_path / "empty.npz").touch()
    for name in ("cut", "nonsense", "empty", "whole"):
        expected = rf"{name}\.npz: not a drive, or one of another version$"
        with pytest.raises(DatasetError, match=expected), reading_arrays(tmp_path / f"{name}.npz", "a drive") as arrays:
            _ = arrays["y"]
    expected = r"missing\.npz: no such file"
    with pytest.raises(DatasetError, match=expected), reading_arrays(tmp_path / "missing.npz", "a drive"):
        pass
