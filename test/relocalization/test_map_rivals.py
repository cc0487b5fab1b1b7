"""Rivals of a pose in maps of which it is known where they repeat themselves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
import small_gicp
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.relocalization import map_rivals as module
from isometry.relocalization.map_rivals import MapRivals, Rivals
from isometry.relocalization.map_surfaces import MapSurfaces
from isometry.relocalization.scan import Scan

RESOLUTION = 0.2
UP = np.array([0.0, 0.0, 1.0])
T_HALL_BASE = se3.from_planar(3.0, -2.0, 0.7)


@cache
def hall(seed: int = 0) -> Array:
    """Points (N,3) of a hall of 24 x 16 x 5 m with a few things in it; no turn of it is like it."""
    random = np.random.default_rng(seed)
    boxes = [np.array([12.0, 8.0, 2.5])] + [random.uniform([0.4, 0.4, 0.5], [2.0, 2.0, 2.0]) for _ in range(8)]
    middles = [np.array([0.0, 0.0, 2.5])] + [
        np.append(random.uniform([-9.0, -5.0], [9.0, 5.0]), box[2]) for box in boxes[1:]
    ]
    return np.concatenate([box_surface(random, *box) for box in zip(middles, boxes, strict=True)])


def box_surface(random: np.random.Generator, middle: Array, half: Array) -> Array:
    """Points (N,3), dense for the resolution, on a box of half the sizes (3,)."""
    areas = np.array([half[1] * half[2], half[0] * half[2], half[0] * half[1]])
    count = int(8.0 * areas.sum() / RESOLUTION**2) * 2
    points = random.uniform(-1.0, 1.0, (count, 3))
    side = random.choice(3, count, p=areas / areas.sum())
    points[np.arange(count), side] = np.sign(points[np.arange(count), side])
    return np.asarray(middle + half * points)


def map_of(shifts: Sequence[Sequence[float]], others: Sequence[Sequence[float]] = ()) -> Array:
    """Equal halls at shifts in metres, and different ones at others."""
    equal = [hall() + shift for shift in shifts]
    different = [hall(k + 1) + shift for k, shift in enumerate(others)]
    points = np.concatenate(equal + different)
    return np.asarray(small_gicp.voxelgrid_sampling(points, RESOLUTION).points())[:, :3]


def scan() -> Scan:
    """Of the hall, from the pose of the base in it."""
    return scan_of(se3.apply(se3.inverse(T_HALL_BASE), hall()))


def scan_of(points: Array) -> Scan:
    """Points (N,3) in the base frame, without a viewpoint."""
    return Scan(points, prepare(points, RegistrationParameters(resolution=RESOLUTION)))


def searched(points: Array, T_map_base: Array = T_HALL_BASE, up: Array | None = UP) -> Rivals:
    """The rivals of a pose in a map."""
    *parts, found = MapRivals(MapSurfaces(points, RESOLUTION, up), up).search(scan(), T_map_base, 2)
    assert all(part is None for part in parts)
    assert found is not None
    return found


def rivals(points: Array, T_map_base: Array = T_HALL_BASE, up: Array | None = UP) -> Array:
    """All rivals (R,4,4) of a pose in a map."""
    found = searched(points, T_map_base, up)
    assert found.complete
    return found.poses


def shifts_of(found: Array) -> list[list[float]]:
    """Where the rivals are, beside the hall itself, to half a metre; they are not turned in it."""
    motions = found @ se3.inverse(T_HALL_BASE)
    assert all(se3.rotation_angle(motion) < np.radians(1.0) for motion in motions)
    return sorted((np.round(2.0 * motions[:, :3, 3]) / 2.0).tolist())


@pytest.mark.parametrize(
    "shifts",
    [
        [[0.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0], [40.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0], [300.0, -120.0, 0.0], [-40.0, 25.0, 2.0]],
        [[0.0, 0.0, 6.0 * floor] for floor in range(-2, 3)],
    ],
    ids=["one hall", "two equal halls", "three far apart", "five floors"],
)
def test_each_equal_hall_or_floor_and_nothing_else_is_a_rival(shifts: list[list[float]]) -> None:
    others = [[80.0, 80.0, 0.0], [80.0, 40.0, 0.0]]
    assert shifts_of(rivals(map_of(shifts, others))) == sorted(shift for shift in shifts if any(shift))


def test_a_hall_that_is_turned_is_a_rival() -> None:
    turned = se3.from_planar(50.0, 10.0, 2.1)
    found = rivals(np.concatenate([map_of([[0.0, 0.0, 0.0]]), se3.apply(turned, map_of([[0.0, 0.0, 0.0]]))]))
    assert len(found) == 1
    metres, radians = se3.distance(found[0], turned @ T_HALL_BASE)
    assert metres < 0.2
    assert radians < np.radians(1.0)


@pytest.mark.parametrize("known", [True, False], ids=["up is known", "up is not known"])
def test_rivals_turn_with_the_map(known: bool) -> None:
    points = map_of([[0.0, 0.0, 0.0], [40.0, 3.0, 0.0]])
    turn = se3.from_rotation_translation(Rotation.random(random_state=1).as_matrix(), np.array([3.0, 20.0, -5.0]))
    found = rivals(se3.apply(turn, points), turn @ T_HALL_BASE, turn[:3, 2] if known else None)
    assert shifts_of(se3.inverse(turn) @ found) == [[40.0, 3.0, 0.0]]


def test_a_different_hall_is_no_rival_and_of_too_many_the_best_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not len(rivals(map_of([[0.0, 0.0, 0.0]], [[40.0, 0.0, 0.0], [0.0, 40.0, 0.0]])))
    monkeypatch.setattr(module, "MOST_RIVALS", 2)
    few = searched(map_of([[0.0, 0.0, 6.0 * floor] for floor in range(5)]))
    assert len(few.poses) == 2
    assert not few.complete


def test_of_a_long_row_of_equal_rooms_all_are_found_or_it_is_said_that_some_are_not() -> None:
    count = 20
    found = searched(map_of([[0.0, 17.0 * k, 0.0] for k in range(count)]))
    assert len(found.poses) == module.MOST_RIVALS
    assert not found.complete


def test_a_pose_on_its_side_has_the_upright_one_as_a_rival() -> None:
    points = map_of([[0.0, 0.0, 0.0]])
    on_its_side = se3.from_rotation_translation(Rotation.from_euler("x", 90.0, degrees=True).as_matrix(), np.zeros(3))
    found = searched(points, on_its_side @ T_HALL_BASE).poses
    assert any(se3.distance(T, T_HALL_BASE)[0] < 0.2 for T in found)


def test_in_a_map_without_walls_there_are_no_rivals() -> None:
    plain = np.random.default_rng(0).uniform([-30.0, -30.0, 0.0], [30.0, 30.0, 0.05], (80_000, 3))
    assert not len(rivals(plain))


def test_in_a_map_without_floors_rivals_are_at_the_height_of_the_pose() -> None:
    pair = map_of([[0.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    walls = pair[(pair[:, 2] > 0.3) & (pair[:, 2] < 4.7) & (np.abs(np.abs(pair[:, 1]) - 8.0) < 0.15)]
    found = searched(walls)
    assert len(found.poses)
    assert all(abs(T[2, 3] - T_HALL_BASE[2, 3]) < 0.5 for T in found.poses)


def storey(seed: int) -> Array:
    """Points (N,3) of a storey of 36 x 12 x 3 m: small rooms, and things in them."""
    random = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.cumsum(random.uniform(2.6, 4.4, 14))])
    rooms = [
        box_surface(random, np.array([(left + right) / 2.0, y, 1.5]), np.array([(right - left) / 2.0, 3.0, 1.5]))
        for y in (-3.0, 3.0)
        for left, right in itertools.pairwise(edges[edges < 36.0])
    ]
    half = random.uniform([0.3, 0.3, 0.3], [1.0, 0.8, 1.0], (12, 3))
    middles = np.column_stack([random.uniform(1.0, 34.0, 12), random.uniform(-5.0, 5.0, 12), half[:, 2]])
    return np.concatenate(rooms + [box_surface(random, *thing) for thing in zip(middles, half, strict=True)])


def test_a_pose_in_the_wrong_room_has_the_right_ones_of_all_equal_storeys_as_rivals() -> None:
    """In an image of all eight storeys at once, a scan covers walls nearly everywhere."""
    floors = [9 if floor in (3, 5) else floor for floor in range(8)]
    points = np.concatenate([storey(seed) + np.array([0.0, 0.0, 3.2 * k]) for k, seed in enumerate(floors)])
    points = np.asarray(small_gicp.voxelgrid_sampling(points, RESOLUTION).points())[:, :3]
    near = storey(9)
    T_map_base = se3.from_rotation_translation(T_HALL_BASE[:3, :3], np.array([15.0, 0.5, 3 * 3.2 + 1.2]))
    seen = near[np.abs(near[:, 0] - 15.0) < 8.0] + np.array([0.0, 0.0, 3 * 3.2])
    near_scan = scan_of(se3.apply(se3.inverse(T_map_base), seen))
    wrong = T_map_base.copy()
    wrong[:3, 3] += [6.0, 0.0, -3.2]
    *_, found = MapRivals(MapSurfaces(points, RESOLUTION, UP), UP).search(near_scan, wrong, 2)
    assert found is not None
    heights = {
        round(float((pose[2, 3] - T_map_base[2, 3]) / 3.2))
        for pose in found.poses
        if np.hypot(*(pose[:2, 3] - T_map_base[:2, 3])) < 0.3
    }
    assert heights >= {0, 2}
