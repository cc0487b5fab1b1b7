"""Two registered clouds in the browser: what the server holds for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.registration.types import Registration

view = pytest.importorskip("isometry.evaluation.registration.view", reason="viser is not installed")


def test_the_source_is_shown_where_it_was_registered(random: np.random.Generator) -> None:
    T = se3.from_rotation_translation(Rotation.from_rotvec([0.4, 1.0, -0.3]).as_matrix(), np.array([5e5, 4e6, 3.0]))
    source = random.random((500, 3))
    target = se3.apply(T, source)
    found = Registration(T, np.eye(6), 0.93, False, "low_confidence", 0.4, "upright")
    server = view.show(target, source, found, 0)
    try:
        handles = {handle.name: handle for handle in server.scene._handle_from_node_name.values()}
        shown, moving = handles["/target"], handles["/source"]
        x, y, z, w = moving.wxyz[[1, 2, 3, 0]]
        placed = se3.apply(se3.from_quaternion_translation(np.array([x, y, z, w]), moving.position), moving.points)
        np.testing.assert_allclose(placed, shown.points, atol=2e-3)
        assert np.abs(shown.points).max() < 1e3  # near enough to the origin for float32
    finally:
        server.stop()
    assert "not accepted" in view.summary(found)
    with pytest.raises(ValueError, match="up 'left'"):
        view.show(target, source, found, 0, "left")
