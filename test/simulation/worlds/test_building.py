from __future__ import annotations

import numpy as np
import pytest

from isometry.simulation.worlds.building import build_building


@pytest.mark.parametrize("seed", range(5))
def test_every_room_of_a_building_can_be_reached(seed: int) -> None:
    building = build_building(np.random.default_rng(seed))
    for number, room in enumerate(building.rooms):
        path = building.path(0, number)
        np.testing.assert_array_equal(path[0], building.rooms[0].centre)
        np.testing.assert_array_equal(path[-1], room.centre)
    area = sum(room.size.prod() for room in building.rooms)
    extent = np.max([room.high for room in building.rooms], axis=0)
    assert area == pytest.approx(extent.prod())
