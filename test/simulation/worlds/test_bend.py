from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.simulation.worlds.bend import random_bend


def test_a_body_keeps_its_footing_on_bent_ground(random: np.random.Generator) -> None:
    bend = random_bend(5.0, 3.0, (40.0, 80.0), random)
    T_world_body = bend.pose(se3.from_planar(7.0, -3.0, 0.4))
    np.testing.assert_allclose(T_world_body[:3, :3] @ T_world_body[:3, :3].T, np.eye(3), atol=1e-12)
    around = se3.apply(se3.from_planar(7.0, -3.0, 0.4), random.uniform(-0.3, 0.3, (50, 3)) * [1.0, 1.0, 0.0])
    heights = se3.apply(se3.inverse(T_world_body), bend.points(around))[:, 2]
    assert np.abs(heights).max() < 0.02
