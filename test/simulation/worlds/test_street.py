from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.simulation.worlds.street import build_street, random_traffic, traffic_later


def test_traffic_drives_on_in_its_own_direction_or_away(random: np.random.Generator) -> None:
    street = build_street(random)
    before = np.vstack([random_traffic(street.plan, random) for _ in range(20)])
    after = traffic_later(before, random)
    assert 0.6 * len(before) < len(after) < 0.95 * len(before)
    for x, y, yaw, length in after:
        same = before[(before[:, 2] == yaw) & (before[:, 3] == length)]
        ahead = se3.apply(se3.inverse(se3.from_planar(*same[0, :3])), np.array([[x, y, 0.0]]))[0]
        assert -1e-9 <= ahead[0] <= 30.0
        assert ahead[1] == pytest.approx(0.0, abs=1e-9)


def test_vehicles_stand_on_the_bent_street(random: np.random.Generator) -> None:
    street = build_street(random)
    place = np.array([[10.0, 2.0, 0.0, 4.0]])
    added = street.with_traffic(place).vertices[len(street.static.vertices) :]
    T_world_vehicle = street.bend.pose(se3.from_planar(10.0, 2.0, 0.0))
    own = se3.apply(se3.inverse(T_world_vehicle), added)
    assert np.abs(own[:, :2]).max() < 3.0
    assert own[:, 2].min() == pytest.approx(0.0, abs=0.1)
    assert own[:, 2].max() == pytest.approx(1.5, abs=0.1)
