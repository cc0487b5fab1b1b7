import numpy as np
import pytest

from isometry.geometry import se3
from isometry.simulation.traffic.scans import LOWEST_M, TrafficDrive, random_drive


@pytest.fixture(scope="module")
def drive() -> TrafficDrive:
    return random_drive(2, 1.0)


def test_the_same_seed_gives_the_same_drive(drive: TrafficDrive) -> None:
    again = random_drive(2, 1.0)
    for one, other in zip(drive.scans, again.scans, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.objects, other.objects)


def test_readings_of_an_object_lie_on_it_and_none_on_the_ground(drive: TrafficDrive) -> None:
    assert len(drive.scans) == len(drive.traffic.times_s) == 11
    seen = 0
    for scan, boxes in zip(drive.scans, drive.traffic.boxes, strict=True):
        assert scan.points[:, 2].min() > LOWEST_M
        for each in np.unique(scan.objects[scan.objects >= 0]):
            points = scan.points[scan.objects == each].astype(float)
            offset = se3.apply(se3.inverse(se3.from_planar(boxes[each, 0], boxes[each, 1], boxes[each, 6])), points)
            assert (np.abs(offset[:, :2]) < 0.5 * boxes[each, 3:5] + 0.35).all()
            seen += len(points)
    assert seen > 100


def test_what_stands_keeps_clear_of_what_drives(drive: TrafficDrive) -> None:
    """No reading of the surroundings lies inside of an object or of the own vehicle."""
    for scan, boxes, own in zip(drive.scans, drive.traffic.boxes, drive.traffic.own_poses, strict=True):
        still = scan.points[scan.objects < 0].astype(float)
        size = [*drive.traffic.own_size[:2]]
        for box in [*boxes[np.isfinite(boxes[:, 0])], np.array([*own[:2], 0.0, *size, 1.6, own[2]])]:
            offset = np.abs(se3.apply(se3.inverse(se3.from_planar(box[0], box[1], box[6])), still)[:, :2])
            assert not (offset < 0.5 * box[3:5] - 0.1).all(axis=1).any()
