"""The odometry on drives whose true path is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.lidar_odometry.motion import moved
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry, OdometryStep
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town

Scans = list[NDArray[np.float32]]
TENTH_NS = 100_000_000


@pytest.fixture(scope="module")
def drive() -> tuple[Array, Scans]:
    """T_first_lidar (N,4,4) along a street and around a corner at 10 m/s, and the scans; not to be changed."""
    plan = SimulatedDrive(scans=75, spacing_m=1.0, remounted_deg=0.0)
    random = np.random.default_rng(0)
    lidar = SpinningLidar(beams=32, azimuth_step_deg=1.0)
    simulator = LidarSimulator(build_town(plan.plan, random), lidar)
    poses = sensor_poses(plan)
    return se3.inverse(poses[0]) @ poses, [simulator.scan(T, random) for T in poses]


def driven(odometry: LidarOdometry, scans: Scans, first_ns: int = TENTH_NS) -> list[OdometryStep]:
    return [odometry.process(scan, first_ns + k * TENTH_NS) for k, scan in enumerate(scans)]


def path(steps: list[OdometryStep]) -> Array:
    return np.array([step.T_odom_base for step in steps])


def distance(a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1))


def test_the_path_is_followed_from_a_standstill_to_ten_metres_a_second(drive: tuple[Array, Scans]) -> None:
    true, scans = drive
    steps = driven(LidarOdometry(LidarOdometryParameters()), scans)
    assert all(step.fits for step in steps)
    assert distance(path(steps), true).max() < 0.3
    turned = [se3.rotation_angle(se3.inverse(a) @ b) for a, b in zip(path(steps), true, strict=True)]
    assert max(turned) < np.radians(0.5)
    # at a tenth of a second, a metre a scan
    assert np.allclose(steps[30].twist[:3], [10.0, 0.0, 0.0], atol=0.5)
    assert np.abs(steps[30].twist[3:]).max() < 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sensor_turned_any_way_tells_the_same_path_turned(drive: tuple[Array, Scans], seed: int) -> None:
    true, scans = drive
    R = Rotation.random(random_state=seed).as_matrix()
    turn = se3.from_rotation_translation(R, np.zeros(3))
    turned_scans = [(scan @ R.T).astype(np.float32) for scan in scans[:40]]
    steps = driven(LidarOdometry(LidarOdometryParameters()), turned_scans)
    assert distance(se3.inverse(turn) @ path(steps) @ turn, true[:40]).max() < 0.3
    # what it says of itself turns along: at a metre a scan, forwards is where the sensor's x axis was
    assert np.allclose(R.T @ steps[30].twist[:3], [10.0, 0.0, 0.0], atol=0.5)


def test_errors_lie_inside_two_sigma(drive: tuple[Array, Scans]) -> None:
    true, scans = drive
    steps = driven(LidarOdometry(LidarOdometryParameters()), scans)
    errors = np.array([step.T_odom_base[:3, 3] - T[:3, 3] for step, T in zip(steps, true, strict=True)])[1:]
    sigmas = np.array([np.sqrt(np.diag(step.covariance)[:3]) for step in steps])[1:]
    assert (np.abs(errors) < 2.0 * sigmas).mean() > 0.9
    assert sigmas.max() < 0.5
    assert np.all(np.diff(sigmas[:, 0]) > -1e-3)  # drift only grows
    for step in steps:
        assert np.linalg.eigvalsh(step.covariance).min() > -1e-12
        assert np.linalg.eigvalsh(step.twist_covariance).min() > 0.0


def test_a_reading_less_changes_next_to_nothing(drive: tuple[Array, Scans]) -> None:
    parameters, scans = LidarOdometryParameters(most_points=3000), drive[1][:12]
    all_of_them = path(driven(LidarOdometry(parameters), scans))
    without_one = path(
        driven(LidarOdometry(parameters), [np.delete(scan, 10 * k, axis=0) for k, scan in enumerate(scans)])
    )
    assert np.linalg.norm((all_of_them - without_one)[:, :3, 3], axis=1).max() < 2e-3


def test_a_gap_of_a_second_is_survived(drive: tuple[Array, Scans]) -> None:
    true, scans = drive
    odometry = LidarOdometry(LidarOdometryParameters())
    driven(odometry, scans[:20])
    steps = [odometry.process(scans[k], (k + 1) * TENTH_NS) for k in range(30, 45)]
    assert all(step.fits for step in steps)
    assert distance(path(steps), true[30:45]).max() < 0.3


def test_a_scan_that_does_not_fit_leaves_the_prediction_and_says_so(drive: tuple[Array, Scans]) -> None:
    true, scans = drive
    odometry = LidarOdometry(LidarOdometryParameters())
    before = driven(odometry, scans[:20])[-1]
    elsewhere = np.random.default_rng(0).uniform(-30.0, 30.0, (3000, 3))
    step = odometry.process(elsewhere, 21 * TENTH_NS)
    assert not step.fits
    assert distance(step.T_odom_base, true[20]) < 0.1
    assert np.trace(step.covariance) > 2.0 * np.trace(before.covariance)
    after = odometry.process(scans[21], 22 * TENTH_NS)
    assert after.fits
    assert distance(after.T_odom_base, true[21]) < 0.1


def room_of_side(metres: float) -> Array:
    """Points (N,3) on the six walls of a cube around the sensor, half a metre apart."""
    a, b = (axis.ravel() for axis in np.mgrid[-0.5:0.5:60j, -0.5:0.5:60j])
    walls = [np.insert(np.column_stack([a, b]), axis, side, axis=1) for axis in range(3) for side in (-0.5, 0.5)]
    return metres * np.vstack(walls)


def test_in_another_place_the_local_map_begins_again_and_the_path_goes_on(drive: tuple[Array, Scans]) -> None:
    _, scans = drive
    odometry = LidarOdometry(LidarOdometryParameters(restart_after=3))
    last = driven(odometry, scans[:5])[-1]
    tilt = Rotation.random(random_state=0).as_matrix()
    steps = driven(odometry, [room_of_side(30.0) @ tilt] * 6, 6 * TENTH_NS)
    assert [step.restarted for step in steps] == [False, False, True, False, False, False]
    assert [step.fits for step in steps] == [False, False, False, True, True, True]
    # the same points again and again: the robot stands where the prediction had brought it
    assert distance(steps[-1].T_odom_base, steps[2].T_odom_base) < 0.05
    assert distance(steps[-1].T_odom_base, last.T_odom_base) > 1.0


def test_readings_of_a_moving_sensor_are_put_where_they_would_lie_at_the_stamp(drive: tuple[Array, Scans]) -> None:
    true, scans = drive
    random = np.random.default_rng(0)
    twist = np.array([10.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    results = []
    for tell in (True, False):
        odometry = LidarOdometry(LidarOdometryParameters())
        for k, scan in enumerate(scans[:40]):
            offsets = random.uniform(-0.1, 0.0, len(scan))
            # where the sensor was a moment before its stamp it saw the point that much further ahead
            skewed = scan - offsets[:, None] * twist[:3] if k else scan
            result = odometry.process(skewed, (k + 1) * TENTH_NS, offsets_s=offsets if tell and k else None)
        results.append(distance(result.T_odom_base, true[39]))
    assert results[0] < 0.3
    assert results[0] < results[1]


def test_moved_points_of_a_turning_sensor_are_put_back_exactly() -> None:
    from isometry.lidar_odometry.scan import compensated

    random = np.random.default_rng(1)
    points, twist = random.uniform(-10.0, 10.0, (500, 3)), np.array([5.0, 1.0, 0.0, 0.1, -0.2, 1.5])
    offsets = random.uniform(-0.05, 0.05, 500)
    seen = np.array(
        [se3.apply(se3.inverse(moved(twist, t)), point[None])[0] for point, t in zip(points, offsets, strict=True)]
    )
    assert np.abs(compensated(seen, offsets, twist) - points).max() < 0.03
    assert np.abs(seen - points).max() > 0.5


def test_the_scan_is_not_changed(drive: tuple[Array, Scans]) -> None:
    scan = drive[1][0].copy()
    odometry = LidarOdometry(LidarOdometryParameters())
    odometry.process(scan, 1, offsets_s=np.linspace(-0.1, 0.0, len(scan)))
    assert np.array_equal(scan, drive[1][0])


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (np.zeros((0, 3)), "0 finite points"),
        (np.full((5000, 3), np.nan), "0 finite points"),
        (np.zeros((5000, 3)), "0 finite points between 0.5 and 100 m"),
        (np.ones(7), r"shape \(N,3\)"),
        (np.random.default_rng(0).uniform(-30_000.0, 30_000.0, (5000, 3)), "millimetre"),
    ],
)
def test_a_bad_scan_is_refused_in_one_line_and_changes_nothing(
    drive: tuple[Array, Scans], scan: Array, words: str
) -> None:
    true, scans = drive
    odometry = LidarOdometry(LidarOdometryParameters())
    driven(odometry, scans[:10])
    with pytest.raises(ValueError, match=words) as caught:
        odometry.process(scan, 11 * TENTH_NS)
    assert "\n" not in str(caught.value)
    assert distance(odometry.process(scans[11], 12 * TENTH_NS).T_odom_base, true[11]) < 0.1


def test_a_stamp_that_is_not_newer_is_refused_until_a_reset(drive: tuple[Array, Scans]) -> None:
    _, scans = drive
    odometry = LidarOdometry(LidarOdometryParameters())
    driven(odometry, scans[:3])
    with pytest.raises(ValueError, match="came after"):
        odometry.process(scans[3], 3 * TENTH_NS)
    odometry.reset()
    step = odometry.process(scans[0], TENTH_NS)
    assert step.restarted
    assert np.array_equal(step.T_odom_base, np.eye(4))
    assert np.linalg.eigvalsh(step.covariance).min() > 0.0  # filters take no exact pose
    assert np.sqrt(step.covariance.max()) < 0.01
