"""The shipped depth network on frames of rooms that it was trained on, later ones than those, and its own border."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.rgbd.tum import open_tum
from isometry.depth_egomotion.depth_model import DepthModel
from isometry.evaluation.depth.crop_shift import crop_shift
from isometry.evaluation.depth.measure import figures, judge


@pytest.fixture(scope="module")
def walk(shared_data: Path) -> Path:
    folder = shared_data / "rgbd" / "tum" / "freiburg1_xyz"
    if not folder.is_dir():
        pytest.skip(f"the recording is not there: {folder}")
    return folder


def test_depth_is_better_than_what_needs_no_image(walk: Path) -> None:
    model, recording = DepthModel.load(), open_tum(walk)
    judged = list(judge(model, recording, np.arange(87, 131, 8), np.arange(0, 87, 8)))
    result = figures(judged)
    for scaling, most in (("scaled", 0.10), ("unscaled", 0.13)):
        errors = result["abs_rel"][scaling]
        assert errors["model"] < most
        assert errors["model"] < 0.7 * min(errors["constant"], errors["mean_image"])
    assert result["inside_2_sigma"] > 0.9
    assert result["normals_error_deg"] < 20.0
    assert crop_shift(model, judged[:1])["median"] < 0.05
