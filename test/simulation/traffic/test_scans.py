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


def test_points_of_an_object_lie_on_it_and_none_on_the_ground(drive: TrafficDrive) -> None:
    assert len(drive.scans) == len(drive.traffic.times_s) == 11
    count = 0
    for scan, boxes in zip(drive.scans, drive.traffic.boxes, strict=True):
        assert scan.points[:, 2].min() > LOWEST_M
        for each in np.unique(scan.objects[scan.objects >= 0]):
            points = scan.points[scan.objects == each].astype(float)
            offset = se3.apply(se3.inverse(se3.from_planar(boxes[each, 0], boxes[each, 1], boxes[each, 6])), points)
            assert (np.abs(offset[:, :2]) < 0.5 * boxes[each, 3:5] + 0.35).all()
            count += len(points)
    assert count > 100


def test_static_surroundings_keep_clear_of_the_traffic(drive: TrafficDrive) -> None:
    """No point of the surroundings is inside an object or the ego vehicle."""
    for scan, boxes, ego in zip(drive.scans, drive.traffic.boxes, drive.traffic.ego_poses, strict=True):
        static = scan.points[scan.objects < 0].astype(float)
        size = [*drive.traffic.ego_size[:2]]
        for box in [*boxes[np.isfinite(boxes[:, 0])], np.array([*ego[:2], 0.0, *size, 1.6, ego[2]])]:
            offset = np.abs(se3.apply(se3.inverse(se3.from_planar(box[0], box[1], box[6])), static)[:, :2])
            assert not (offset < 0.5 * box[3:5] - 0.1).all(axis=1).any()
