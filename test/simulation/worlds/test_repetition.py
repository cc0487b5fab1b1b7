from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.repetition import Region, Repetition, translated

LOW, HIGH = np.array([-5.0, -5.0, -1.0]), np.array([5.0, 5.0, 1.0])
ROOMS = Repetition(translated(np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0], [0.0, 0.0, 30.0]]), LOW, HIGH))
STRETCH = Region(np.eye(4), np.array([0.0, -2.0, -1.0]), np.array([100.0, 2.0, 1.0]))
TUNNEL = Repetition([STRETCH], even=True, half_turn=True)


def moved(T: Array, x: float, y: float, z: float) -> Array:
    result = T.copy()
    result[:3, 3] += [x, y, z]
    return result


def test_a_room_has_a_twin_in_every_equal_room() -> None:
    T = se3.from_planar(1.0, 2.0, 0.3)
    twins = list(ROOMS.twins(T))
    np.testing.assert_allclose(twins, [moved(T, 100.0, 0.0, 0.0), moved(T, 0.0, 0.0, 30.0)], atol=1e-9)
    assert all(ROOMS.alike(T, twin) and ROOMS.alike(twin, T) for twin in twins)
    assert not ROOMS.alike(T, moved(twins[0], 0.6, 0.0, 0.0))
    assert not ROOMS.alike(T, twins[0] @ se3.from_planar(0.0, 0.0, 0.1))


def test_nothing_outside_of_the_regions_is_alike() -> None:
    outside = se3.from_planar(6.0, 0.0, 0.0)
    assert list(ROOMS.twins(outside)) == []
    assert not ROOMS.alike(outside, outside)


def test_an_even_stretch_looks_the_same_along_it_and_turned_round() -> None:
    T = se3.from_planar(20.0, 1.0, 0.2)
    turned_round = se3.from_planar(73.0, -1.0, 0.2 + np.pi)
    assert TUNNEL.alike(T, se3.from_planar(81.7, 1.0, 0.2))
    assert TUNNEL.alike(T, turned_round)
    assert not TUNNEL.alike(T, se3.from_planar(73.0, -1.0, 0.2))
    twins = np.array(list(TUNNEL.twins(T)))
    assert len(twins) == 10 + 11  # every 10 m, in both directions
    assert all(STRETCH.contains(twin) and TUNNEL.alike(T, twin) for twin in twins)
    assert np.abs(np.diff(np.sort(twins[twins[:, 0, 0] > 0.0, 0, 3]))).min() > 9.0
