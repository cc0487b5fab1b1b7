"""Simulated traffic: seeds, plausible motion, and no collisions."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry.planar import rotations, wrapped
from isometry.simulation.traffic.traffic import Traffic, simulate_traffic

RATE_HZ = 10.0


@pytest.fixture(scope="module")
def drives() -> list[Traffic]:
    return [simulate_traffic(np.random.default_rng(100 + seed), 12.0, RATE_HZ) for seed in range(6)]


def _speeds(boxes: Array) -> Array:
    """(T-1,A) metres a second; NaN while absent."""
    return np.asarray(np.linalg.norm(np.diff(boxes[..., :2], axis=0), axis=2) * RATE_HZ)


def test_the_same_seed_gives_the_same_traffic_and_another_one_does_not() -> None:
    first, again, other = (simulate_traffic(np.random.default_rng(seed), 2.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    np.testing.assert_array_equal(first.ego_poses, again.ego_poses)
    assert first.labels == again.labels
    assert first.boxes.shape != other.boxes.shape or not np.array_equal(first.boxes, other.boxes, equal_nan=True)


@pytest.mark.parametrize(("rate_hz", "moments"), [(10.0, 21), (4.0, 9), (25.0, 51)])
def test_moments_come_at_the_rate(rate_hz: float, moments: int) -> None:
    traffic = simulate_traffic(np.random.default_rng(0), 2.0, rate_hz)
    np.testing.assert_allclose(traffic.times_s, np.arange(moments) / rate_hz)
    assert traffic.boxes.shape == (moments, len(traffic.labels), 7)
    assert traffic.ego_poses.shape == (moments, 3)


def test_the_ego_vehicle_is_always_present_and_each_object_at_some_time(drives: list[Traffic]) -> None:
    for traffic in drives:
        assert np.isfinite(traffic.ego_poses).all()
        assert np.isfinite(traffic.boxes).all(axis=2).any(axis=0).all()
        assert set(traffic.labels) <= {"car", "cyclist", "pedestrian"}


def test_all_objects_are_on_the_ground(drives: list[Traffic]) -> None:
    for traffic in drives:
        present = np.isfinite(traffic.boxes[..., 0])
        np.testing.assert_allclose(traffic.boxes[present][:, 2], 0.5 * traffic.boxes[present][:, 5])


def test_vehicles_drive_forwards_and_within_what_tyres_hold(drives: list[Traffic]) -> None:
    speeds = []
    for traffic in drives:
        boxes = traffic.boxes[:, np.array(traffic.labels) != "pedestrian"]
        velocity = np.diff(boxes[..., :2], axis=0) * RATE_HZ
        speed = _speeds(boxes)
        speeds.append(speed[np.isfinite(speed)])
        acceleration = np.linalg.norm(np.diff(velocity, axis=0), axis=2) * RATE_HZ
        assert np.nanmax(acceleration, initial=0.0) < 10.0
        slip = wrapped(np.arctan2(velocity[..., 1], velocity[..., 0]) - boxes[:-1, :, 6])
        assert np.abs(slip[speed > 3.0]).max(initial=0.0) < 0.35
        turning = np.abs(wrapped(np.diff(boxes[..., 6], axis=0))) * RATE_HZ
        assert np.nanmax(turning, initial=0.0) < 2.0
    every = np.concatenate(speeds)
    assert 3.0 < np.quantile(every[every > 0.5], 0.5) < 15.0
    assert every.max() < 35.0
    assert 0.2 < (every > 0.5).mean() < 0.95  # some are at rest, some drive


def test_people_walk_at_a_walking_pace(drives: list[Traffic]) -> None:
    for traffic in drives:
        people = np.array(traffic.labels) == "pedestrian"
        assert np.nanmax(_speeds(traffic.boxes[:, people]), initial=0.0) < 4.0


def test_vehicles_do_not_overlap(drives: list[Traffic]) -> None:
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(-0.5, 0.5, 5)), -1).reshape(-1, 2)
    for traffic in drives:
        wheels = np.array(traffic.labels) != "pedestrian"
        for moment in traffic.boxes[::10, wheels]:
            boxes = moment[np.isfinite(moment[:, 0])]
            turns = rotations(boxes[:, 6])
            points = boxes[:, None, :2] + np.einsum("nxy,npy->npx", turns, grid * boxes[:, None, 3:5])
            offset = np.einsum("mxy,npmx->npmy", turns, points[:, :, None] - boxes[:, :2])
            inside = (np.abs(offset) < 0.5 * boxes[:, 3:5] - 0.05).all(axis=-1).any(axis=1)  # (N,M)
            np.fill_diagonal(inside, False)
            assert not inside.any()


def test_some_cars_stop_and_some_start_again_and_some_turn(drives: list[Traffic]) -> None:
    stopped = started = turned = 0
    for traffic in drives:
        cars = traffic.boxes[:, np.array(traffic.labels) == "car"]
        speed = _speeds(cars)
        stopped += int(((speed[:-50] > 3.0) & (speed[50:] < 0.5)).any(axis=0).sum())
        started += int(((speed[:-50] < 0.5) & (speed[50:] > 3.0)).any(axis=0).sum())
        turned += int((np.abs(wrapped(cars[30:, :, 6] - cars[:-30, :, 6])) > 0.8).any(axis=0).sum())
    assert stopped > 0
    assert started > 0
    assert turned > 1


def test_a_duration_or_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        simulate_traffic(np.random.default_rng(0), 0.0)
    with pytest.raises(ValueError, match="above zero"):
        simulate_traffic(np.random.default_rng(0), 1.0, float("nan"))
