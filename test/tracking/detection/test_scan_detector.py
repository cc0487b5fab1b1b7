"""Objects found in simulated scans, in which they are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.simulation.sensors.lidar import HDL_64E, LidarSimulator
from isometry.simulation.worlds.shapes import box, cylinder, joined
from isometry.simulation.worlds.street_side import vehicle
from isometry.tracking.canonical_frame import turned
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.detection.scan_detector import ScanDetector
from isometry.tracking.types import Detections

HEIGHT = 1.73  # metres of the sensor over the ground
CARS = np.array([[9.0, 4.0, 0.2], [14.0, -5.0, 1.2], [-12.0, 6.0, 2.6], [-7.0, -9.0, -0.4], [26.0, 8.0, 0.1]])
PEDESTRIANS = np.array([[6.0, -6.0], [-5.0, 9.0], [12.0, 10.0]])


@pytest.fixture(scope="module")
def scan() -> NDArray[np.float32]:
    """A street with cars, pedestrians, a wall and a pole, as an HDL-64E sees it; not to be changed."""
    parts = [box((200.0, 200.0, 1.0), (0.0, 0.0, -1.0)), box((60.0, 0.4, 4.0), (0.0, 16.0, 0.0))]
    parts += [joined([vehicle(4.2)], se3.from_planar(*car)) for car in CARS]
    parts += [cylinder(0.25, 1.75, (x, y, 0.0)) for x, y in PEDESTRIANS]
    parts += [cylinder(0.1, 6.0, (4.0, 8.0, 0.0))]
    sensor = se3.from_planar(0.0, 0.0, 0.0)
    sensor[2, 3] = HEIGHT
    return LidarSimulator(joined(parts), HDL_64E).scan(sensor, np.random.default_rng(0))


def detected(points: NDArray[np.floating], **parameters: float) -> Detections:
    return ScanDetector(ScanDetectorParameters(**parameters)).detect(points)  # type: ignore[arg-type]


def of_label(detections: Detections, label: str) -> Array:
    return detections.boxes[[each == label for each in detections.labels]]


def test_cars_and_pedestrians_are_found_where_they_are(scan: NDArray[np.float32]) -> None:
    before = scan.copy()
    found = detected(scan)
    np.testing.assert_array_equal(scan, before)
    cars, pedestrians = of_label(found, "car"), of_label(found, "pedestrian")
    assert len(cars) == len(CARS)
    assert len(pedestrians) == len(PEDESTRIANS)
    for x, y, yaw in CARS:
        car = cars[np.hypot(cars[:, 0] - x, cars[:, 1] - y).argmin()]
        np.testing.assert_allclose(car[:3], [x, y, 0.75 - HEIGHT], atol=0.3)
        np.testing.assert_allclose(car[3:6], [4.2, 1.75, 1.5], atol=0.35)
        assert abs((car[6] - yaw + np.pi / 2.0) % np.pi - np.pi / 2.0) < np.radians(6.0)
    for x, y in PEDESTRIANS:
        assert np.hypot(pedestrians[:, 0] - x, pedestrians[:, 1] - y).min() < 0.2
    assert not found.headings_known


def test_walls_and_poles_are_no_objects_of_a_class(scan: NDArray[np.float32]) -> None:
    found = detected(scan)
    known = found.boxes[[label != "unknown" for label in found.labels]]
    assert np.hypot(known[:, 0] - 4.0, known[:, 1] - 8.0).min() > 1.0
    assert known[:, 1].max() < 15.0
    others = found.scores[[label == "unknown" for label in found.labels]]
    assert others.max(initial=0.0) < 0.5 < found.scores.max() <= 1.0


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 1e-3)])
def test_objects_turn_with_the_scene(
    scan: NDArray[np.float32], random: np.random.Generator, dtype: type, tolerance: float
) -> None:
    points = scan.astype(np.float64)
    straight = detected(points)
    for turn in random.uniform(-np.pi, np.pi, 5):
        found = detected(turned(points, turn).astype(dtype))
        assert found.labels == straight.labels
        np.testing.assert_allclose(found.boxes[:, :6], turned(straight.boxes[:, :6], turn), atol=tolerance)
        assert np.abs(planar.wrapped(found.boxes[:, 6] - straight.boxes[:, 6] - turn)).max() < tolerance
        np.testing.assert_allclose(found.scores, straight.scores, atol=1e-9)


def test_the_order_of_the_points_does_not_matter(scan: NDArray[np.float32], random: np.random.Generator) -> None:
    found, again = detected(scan), detected(random.permutation(scan))
    assert len(again) == len(found)
    nearest = np.linalg.norm(found.boxes[:, None, :2] - again.boxes[None, :, :2], axis=-1).min(axis=1)
    assert nearest.max() < 1e-6


def test_a_sensor_beside_the_base_sees_the_same(scan: NDArray[np.float32]) -> None:
    shift = np.array([1.5, -0.4, 0.9])
    detector = ScanDetector(ScanDetectorParameters())
    cars = of_label(detector.detect(scan + shift, shift), "car")
    for x, y, _ in CARS:
        assert np.hypot(cars[:, 0] - x - shift[0], cars[:, 1] - y - shift[1]).min() < 0.3


def test_obstacle_points_are_points_of_the_scan(scan: NDArray[np.float32]) -> None:
    shift = np.array([1.5, -0.4, 0.9])
    obstacles = ScanDetector(ScanDetectorParameters()).obstacle_points(scan + shift, shift)
    distance, _ = cKDTree(scan + shift).query(obstacles.in_base())
    assert distance.max() < 1e-5
    np.testing.assert_allclose(obstacles.over, obstacles.in_base()[:, 2] - shift[2] + HEIGHT, atol=0.15)
    assert obstacles.over.min() > 0.3


def test_a_sparser_scan_shows_the_same_cars_nearby(scan: NDArray[np.float32]) -> None:
    cars = of_label(detected(scan[::4]), "car")
    for x, y, _ in CARS[:4]:
        assert np.hypot(cars[:, 0] - x, cars[:, 1] - y).min() < 0.4


def test_a_car_seen_from_behind_only_keeps_its_rear(random: np.random.Generator) -> None:
    rear = np.column_stack([np.full(300, 15.0), random.uniform(-0.85, 0.85, 300), random.uniform(-1.3, -0.2, 300)])
    street = np.column_stack([random.uniform(-40.0, 40.0, (20000, 2)), np.full(20000, -HEIGHT)])
    (car,) = detected(np.vstack([rear, street])).boxes
    np.testing.assert_allclose(car[[0, 1, 3, 4]], [17.0, 0.0, 4.0, 1.7], atol=0.1)
    assert abs(np.sin(car[6])) < 0.1


def test_what_is_seen_through_the_windows_of_a_car_is_no_object(random: np.random.Generator) -> None:
    street = np.column_stack([random.uniform(-40.0, 40.0, (20000, 2)), np.full(20000, -HEIGHT)])
    rear = np.column_stack([np.full(300, 8.0), random.uniform(-0.9, 0.9, 300), random.uniform(-1.4, -0.1, 300)])
    side = np.column_stack([random.uniform(8.0, 12.2, 600), np.full(600, -0.9), random.uniform(-1.4, -0.4, 600)])
    driver = random.normal([10.2, 0.2, -0.5], 0.05, (30, 3))
    found = detected(np.vstack([street, rear, side, driver]))
    assert found.labels == ("car",)
    np.testing.assert_allclose(found.boxes[0, [0, 1, 3, 4]], [10.1, 0.0, 4.2, 1.8], atol=0.15)


def test_a_cloud_whose_ground_was_taken_off_does_no_harm(scan: NDArray[np.float32]) -> None:
    found = detected(scan[scan[:, 2] > 0.3 - HEIGHT])
    assert np.isfinite(found.boxes).all()


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 3)), np.full((50, 3), np.nan), np.array([[5.0, 1.0, 0.0]]), np.full((40, 3), 7.0), np.zeros((10, 4))],
)
def test_where_there_is_nothing_nothing_is_found(points: Array) -> None:
    found = detected(points)
    assert len(found) == 0
    assert found.boxes.shape == (0, 7)


def test_readings_that_are_not_finite_are_left_out(scan: NDArray[np.float32]) -> None:
    broken = np.vstack([scan, [[np.nan, 0.0, 0.0], [5.0, np.inf, 0.0], [5.0, 0.0, np.nan]]])
    np.testing.assert_allclose(detected(broken).boxes, detected(scan).boxes, atol=1e-6)


def test_other_shapes_and_millimetres_are_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(N,3\)"):
        detected(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="millimetre"):
        detected(np.random.default_rng(0).uniform(-40000.0, 40000.0, (500, 3)))
