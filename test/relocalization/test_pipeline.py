"""When a robot counts as located and as lost: with a registration that knows the true pose, and with the real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import load_registrar
from isometry.registration.types import Reason, Registration, UnusableCloudError
from isometry.relocalization.contradictions import View
from isometry.relocalization.map_registration import MapRegistration
from isometry.relocalization.map_rivals import Rivals
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import RelocalizationStep, Relocalizer
from isometry.relocalization.places import CloudPlaces, Place
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import ScanPose
from isometry.simulation.drive import SimulatedDrive
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.shapes import Mesh, box, boxes, joined
from isometry.simulation.worlds.town import build_town

SCAN = np.random.default_rng(0).uniform(-10.0, 10.0, (400, 3))
PIECES = np.arange(0.0, 200.0, 20.0)  # middles of the pieces of the map along x
WALLS = np.array([[x, y, z] for x in (0.0, 10.0, 20.0) for y in np.arange(5.0) for z in np.arange(3.0)])  # (N,3) m


class Oracle:
    """Both the map and the registration: confident where the robot truly is, and nowhere else."""

    def __init__(self) -> None:
        self.parameters = RegistrationParameters()
        self.truth: Array | None = np.eye(4)  # None: in no part of the map
        self.shift = np.zeros(3)  # by which it is wrong
        self.overlap, self.asked = 0.5, 0
        self.slow_s = 0.0  # time that each registration takes
        self.twin, self.twins_until = np.zeros(3), -np.inf  # another place that looks the same up to this x
        self.sigma_x = 0.2  # along the map
        self.even_at_start = False  # the first piece fits every scan, less well, and does not hold it along x
        self.best_elsewhere = False  # without an initial pose, another place of the surroundings fits better

    # The map.
    def candidates(self, scan: Scan, T_map_last: Array | None, first: int = 0) -> Iterator[Place]:
        near = 0.0 if T_map_last is None else float(T_map_last[0, 3])
        for x in sorted(PIECES, key=lambda x: abs(x - near))[first:]:
            yield Place(scan.cloud, se3.from_planar(x, 0.0, 0.1))

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        return None if abs(T_map_base[1, 3]) > 100.0 else Place(scan.cloud, se3.from_planar(T_map_base[0, 3], 0.0, 0.1))

    def rivals(self, scan: Scan, T_map_base: Array, changed_places: int) -> Iterator[Rivals | None]:
        """The twin of a pose, where there is one."""
        yield None
        twin = T_map_base.copy()
        twin[:3, 3] += self.twin if T_map_base[0, 3] < self.twins_until else -self.twin
        alike = self.truth is not None and self.truth[0, 3] < self.twins_until
        yield Rivals(twin[None] if alike else np.empty((0, 4, 4)), True)

    def views(self, scan: Scan, T_map_base: Array) -> list[View]:
        """Of a wrong pose the map has several walls that the scan sees through."""
        return [View(np.zeros((0, 3)) if self.is_right(T) else WALLS, 0.0, 1.0) for T in T_map_base]

    def is_right(self, T_map_base: Array) -> bool:
        """Whether a pose is the true one, or that of the twin while nothing tells them apart."""
        if self.truth is None:
            return False
        twins = [np.zeros(3), self.twin] if self.truth[0, 3] < self.twins_until else [np.zeros(3)]
        return any(np.linalg.norm(T_map_base[:3, 3] - self.truth[:3, 3] - self.shift - twin) < 3.0 for twin in twins)

    # The registration: each place is known by its middle, which the truth is near to or not.
    def at(self, place: Place, T_map_initial: Array | None) -> Registration:
        self.asked += 1
        time.sleep(self.slow_s)
        T_cloud_map = se3.inverse(place.T_map_cloud)
        if self.even_at_start and place.T_map_cloud[0, 3] < 10.0:
            return _answer(np.eye(4), True, 0.8 * self.overlap, 100.0)
        if self.truth is None:
            return _answer(np.eye(4), False, 0.1, self.sigma_x)
        true = self.truth.copy()
        true[:3, 3] += self.shift
        if self.truth[0, 3] < self.twins_until:
            twin = true.copy()
            twin[:3, 3] += self.twin
            asked = place.T_map_cloud if T_map_initial is None else T_map_initial
            true = min(true, twin, key=lambda T: abs(float(T[0, 3] - asked[0, 3])))
        if T_map_initial is None:
            right = not self.best_elsewhere and abs(true[0, 3] - place.T_map_cloud[0, 3]) <= 10.0
        else:
            right = float(np.linalg.norm((T_map_initial - true)[:3, 3])) < 3.0
        return _answer(T_cloud_map @ true, right, self.overlap, self.sigma_x)


def _answer(T: Array, right: bool, overlap: float, sigma_x: float) -> Registration:
    covariance = np.diag([sigma_x**2, 0.01, 0.01, 1e-4, 1e-4, 1e-4])
    reason: Reason = "ok" if right else "low_confidence"
    return Registration(T, covariance, 0.99 if right else 0.1, right, reason, overlap, "", {"score": overlap})


class OracleRegistration(MapRegistration):
    """Gives the oracle the place, which a registrar does not get."""

    def __init__(self, oracle: Any) -> None:
        super().__init__(oracle, oracle)
        self.oracle = oracle

    def near(self, scan: Scan, T_map_base: Array) -> ScanPose | None:
        place = self.oracle.around(scan, T_map_base)
        return None if place is None else ScanPose.of(self.oracle.at(place, T_map_base), place)

    def in_place(self, scan: Scan, place: Place) -> ScanPose:
        return ScanPose.of(self.oracle.at(place, None), place)

    def around(self, scan: Scan, T_map_base: Array) -> ScanPose | None:
        place = self.oracle.around(scan, T_map_base)
        return None if place is None else self.in_place(scan, place)


class OracleRelocalizer(Relocalizer):
    """With the oracle's map and registration."""

    def __init__(self, oracle: Any, parameters: RelocalizationParameters) -> None:
        super().__init__(oracle, oracle, parameters)
        self.registration = OracleRegistration(oracle)
        self.forget()


class Robot:
    """Drives along x, a metre a scan; its odometry begins somewhere else."""

    def __init__(self, **parameters: Any) -> None:
        self.oracle = Oracle()
        self.relocalizer = OracleRelocalizer(
            self.oracle, RelocalizationParameters(**({"searched_places": 2 * len(PIECES)} | parameters))
        )
        self.T_map_odom = se3.from_planar(5.0, -3.0, 1.0)
        self.true = se3.from_planar(42.0, 1.0, 0.2)

    def scan(self, there: bool = True) -> RelocalizationStep:
        """One scan; `there`: the map shows where the robot is."""
        self.true = self.true @ se3.from_planar(1.0, 0.0, 0.0)
        self.oracle.truth = self.true if there else None
        return self.relocalizer.process(SCAN, se3.inverse(self.T_map_odom) @ self.true)

    def carried_to(self, true: Array) -> None:
        """Kidnapped, while odometry says that it stands still."""
        self.T_map_odom = true @ se3.inverse(self.true) @ self.T_map_odom
        self.true = true


def test_a_place_is_accepted_when_a_second_scan_confirms_it() -> None:
    robot = Robot()
    first = robot.scan()
    assert (first.located, first.reason, first.T_map_base, first.T_map_odom) == (False, "unconfirmed", None, None)
    second = robot.scan()
    assert second.located
    assert second.began
    assert second.T_map_base is not None
    assert np.allclose(second.T_map_base, robot.true)
    assert second.T_map_odom is not None
    assert np.allclose(second.T_map_odom, robot.T_map_odom)
    third = robot.scan()
    assert third.located
    assert not third.began


def test_the_covariance_is_along_the_axes_of_the_map() -> None:
    robot = Robot(confirmations=0)
    step = robot.scan()
    turn = se3.from_planar(0.0, 0.0, 0.1)[:3, :3]
    assert step.covariance is not None
    assert np.allclose(step.covariance[:3, :3], turn @ np.diag([0.04, 0.01, 0.01]) @ turn.T)


def test_a_place_that_the_next_scan_does_not_confirm_is_forgotten() -> None:
    robot = Robot()
    robot.scan()
    robot.carried_to(se3.from_planar(120.0, 0.0, 0.0))
    steps = [robot.scan() for _ in range(4)]  # not confirmed by three scans, while the right one is found
    assert [step.located for step in steps] == [False, False, False, True]
    assert steps[-1].T_map_odom is not None
    assert np.allclose(steps[-1].T_map_odom, robot.T_map_odom)


def test_while_located_one_comparison_a_scan_is_enough() -> None:
    robot = Robot()
    robot.scan()
    robot.scan()
    robot.oracle.asked = 0
    for _ in range(10):
        assert robot.scan().T_map_base is not None
    assert robot.oracle.asked == 10


def test_scans_that_do_not_fit_have_no_pose_and_a_few_of_them_are_no_loss() -> None:
    robot = Robot(lost_after=3)
    robot.scan()
    robot.scan()
    for there in (False, False, True, False, False, True):
        step = robot.scan(there)
        assert step.located
        assert (step.T_map_base is not None) == there
        assert step.T_map_odom is not None


def test_a_kidnapped_robot_says_that_it_is_lost_and_finds_itself() -> None:
    robot = Robot(lost_after=3)
    robot.scan()
    robot.scan()
    robot.carried_to(se3.from_planar(120.0, 2.0, -1.0))
    states = [robot.scan() for _ in range(3)]
    assert [step.located for step in states] == [True, True, False]
    assert states[-1].T_map_odom is None
    found = [robot.scan() for _ in range(3)]
    assert [step.located for step in found] == [False, True, True]
    assert found[1].began
    assert found[1].T_map_base is not None
    assert found[2].T_map_odom is not None
    assert np.allclose(found[2].T_map_odom, robot.T_map_odom)


def test_a_robot_that_comes_back_to_the_map_is_looked_for_near_its_last_pose_first() -> None:
    robot = Robot(lost_after=2, searched_places=1)
    robot.scan()
    while not robot.scan().located:
        pass
    while robot.scan(there=False).located:
        pass
    robot.oracle.asked = 0
    assert robot.scan().reason == "unconfirmed"
    assert robot.oracle.asked == 1
    assert robot.scan().located


def test_in_a_wrong_map_a_robot_stays_lost_and_each_search_is_bounded() -> None:
    robot = Robot(searched_places=3)
    for _ in range(12):
        step = robot.scan(there=False)
        assert not step.located
        assert step.T_map_base is None
        assert step.searched <= 3
    # ten pieces, three at a time: the search went around
    assert robot.oracle.asked == 3 * (3 + 3 + 3 + 1)


def test_the_search_goes_on_with_the_next_scan_where_it_stopped() -> None:
    robot = Robot(searched_places=2)
    robot.true = se3.from_planar(180.0, 0.0, 0.0)
    reasons = [robot.scan().reason for _ in range(7)]
    assert reasons[:4] == ["low_confidence"] * 4
    assert reasons[4] == "unconfirmed"
    assert reasons[-1] == "ok"


def test_a_scan_whose_time_is_over_says_so_and_the_next_one_goes_on() -> None:
    robot = Robot(time_limit=0.1)
    robot.true = se3.from_planar(58.0, 0.0, 0.0)
    robot.oracle.slow_s = 0.15
    steps = [robot.scan() for _ in range(4)]
    assert [step.reason for step in steps] == ["out_of_time", "out_of_time", "out_of_time", "unconfirmed"]
    assert [step.searched for step in steps] == [1, 1, 1, 1]


def test_places_that_too_little_of_a_scan_fits_take_no_more_time_than_others() -> None:
    robot = Robot(time_limit=0.1)
    robot.oracle.overlap, robot.oracle.slow_s = 0.2, 0.15
    steps = [robot.scan() for _ in range(3)]
    assert [step.reason for step in steps] == ["out_of_time"] * 3
    assert [step.searched for step in steps] == [1, 1, 1]


def test_a_robot_in_one_of_two_equal_places_is_located_when_it_has_come_to_where_they_differ() -> None:
    """Places 80 m apart look the same up to x = 48 m, where the robot is then at its eighth scan."""
    robot = Robot()
    robot.oracle.twin, robot.oracle.twins_until = np.array([80.0, 0.0, 0.0]), 48.0
    steps = [robot.scan() for _ in range(10)]
    alike = steps[:6]
    assert not any(step.located for step in alike)
    assert {step.reason for step in alike} == {"ambiguous"}
    assert sorted(np.round(alike[-1].alternatives[:, 0, 3])) == [48.0, 128.0]
    assert steps[-1].located
    assert steps[-1].T_map_base is not None
    assert np.allclose(steps[-1].T_map_base, robot.true)


def test_what_the_surfaces_do_not_determine_is_no_place_but_is_followed_by_odometry() -> None:
    robot = Robot()
    robot.oracle.sigma_x = 100.0
    steps = [robot.scan() for _ in range(5)]
    assert not any(step.located for step in steps)
    assert steps[-1].reason == "ambiguous"
    robot.oracle.sigma_x = 0.2
    assert robot.scan().located
    robot.oracle.sigma_x = 100.0
    robot.oracle.shift = np.array([0.7, 0.0, 0.0])  # where it is by chance along the tunnel
    steps = [robot.scan() for _ in range(20)]
    sigmas = [float(np.sqrt(step.covariance[0, 0])) for step in steps if step.covariance is not None]
    assert len(sigmas) == 20
    assert np.all(np.diff(sigmas) > 0.0)
    assert sigmas[-1] > 0.05 * 20
    assert steps[-1].T_map_base is not None
    assert np.allclose(steps[-1].T_map_base[:3, 3], robot.true[:3, 3], atol=0.1)


def test_an_even_piece_that_fits_everything_does_not_end_the_search() -> None:
    robot = Robot(searched_places=1)
    robot.oracle.even_at_start = True
    steps = [robot.scan() for _ in range(8)]
    assert steps[0].reason == "ambiguous"
    assert [step.located for step in steps[:3]] == [False] * 3
    assert steps[-1].located
    assert steps[-1].T_map_base is not None
    assert np.allclose(steps[-1].T_map_base, robot.true)


def test_a_correction_beyond_reason_is_a_doubt() -> None:
    robot = Robot(lost_after=2)
    robot.scan()
    robot.scan()
    robot.oracle.shift = np.array([0.0, 2.0, 0.0])
    step = robot.scan()
    assert (step.located, step.reason, step.T_map_base) == (True, "jump", None)
    assert not robot.scan().located


def test_a_good_initial_pose_is_verified_and_a_bad_one_refused() -> None:
    robot = Robot(searched_places=1)
    robot.true = se3.from_planar(160.0, 0.0, 0.0)
    robot.relocalizer.set_initial_pose(se3.from_planar(20.0, 0.0, 0.0), 5.0)
    refused = robot.scan()
    assert refused.initial_pose_refused
    assert not refused.located
    robot.relocalizer.set_initial_pose(robot.true @ se3.from_planar(1.0, 2.0, 3.0), 5.0)
    assert robot.scan().reason == "unconfirmed"
    step = robot.scan()
    assert step.began
    assert not step.initial_pose_refused


def test_an_initial_pose_corrects_a_robot_that_is_located_and_a_bad_one_changes_nothing() -> None:
    robot = Robot()
    robot.scan()
    robot.scan()
    robot.relocalizer.set_initial_pose(se3.from_planar(120.0, 0.0, 0.0), 5.0)
    step = robot.scan()
    assert step.initial_pose_refused
    assert step.located
    assert step.T_map_base is not None
    robot.carried_to(se3.from_planar(150.0, 0.0, 0.0))
    robot.relocalizer.set_initial_pose(se3.from_planar(149.0, 0.0, 0.0), 5.0)
    assert robot.scan().reason == "unconfirmed"
    step = robot.scan()
    assert step.began
    assert step.T_map_odom is not None
    assert np.allclose(step.T_map_odom, robot.T_map_odom)


def test_a_place_far_from_the_initial_pose_is_refused() -> None:
    robot = Robot(searched_places=1)
    robot.true = se3.from_planar(160.0, 0.0, 0.0)
    robot.relocalizer.set_initial_pose(se3.from_planar(153.0, 0.0, 0.0), 2.0)
    assert robot.scan().initial_pose_refused


def test_a_scan_that_fits_much_worse_than_the_others_is_compared_with_all_of_the_surroundings() -> None:
    robot = Robot()
    robot.scan()
    robot.scan()
    robot.oracle.overlap = 0.2
    robot.oracle.asked = 0
    assert robot.scan().T_map_base is not None
    assert robot.oracle.asked == 2
    robot.oracle.best_elsewhere = True
    assert robot.scan().reason == "low_confidence"


def test_after_forget_it_is_lost() -> None:
    robot = Robot(confirmations=0)
    assert robot.scan().located
    robot.relocalizer.forget()
    assert not robot.relocalizer.located
    assert robot.scan().began


def test_a_robot_beyond_the_map_has_nothing_there() -> None:
    robot = Robot(confirmations=0)
    robot.scan()
    robot.true = se3.from_planar(42.0, 501.0, 0.0)
    assert robot.scan(there=False).reason == "nothing_there"


def test_a_scan_that_cannot_be_used_changes_nothing() -> None:
    robot = Robot(confirmations=0)
    robot.scan()
    noise = np.random.default_rng(0).uniform(-40.0, 40.0, (100_000, 3))
    for bad in (np.zeros((0, 3)), np.full((500, 3), np.nan), np.zeros((500, 3)), 1000.0 * SCAN, noise):
        with pytest.raises(UnusableCloudError):
            robot.relocalizer.process(bad, np.eye(4))
    assert robot.scan().T_map_base is not None


# With the real registration.
@pytest.mark.slow
def test_a_scan_turned_any_way_is_found_in_a_map_and_a_kidnapped_robot_again(
    town: tuple[Array, Array, LidarSimulator],
) -> None:
    cloud, poses, simulator = town
    random = np.random.default_rng(2)
    survey = np.array([500_000.0, 5_400_000.0, 300.0])  # coordinates as maps of the real world have them
    registrar = load_registrar("upright")
    places = CloudPlaces(cloud + survey, registrar.parameters)
    relocalizer = Relocalizer(registrar, places, RelocalizationParameters(lost_after=2, time_limit=60.0))
    turn = se3.from_rotation_translation(Rotation.random(random_state=5).as_matrix(), np.array([0.3, -0.1, 0.2]))
    T_odom_map = se3.from_planar(-7.0, 2.0, 0.4)
    located = []
    for k, where in enumerate((10, 11, 12, 40, 41, 42, 43, 44)):
        true = poses[where] @ turn  # the base is the sensor, mounted any way
        scan = simulator.scan(true, random)
        # carried from 12 to 40: odometry goes on as if nothing had happened
        T_odom_base = T_odom_map @ poses[10 + k] @ turn
        step = relocalizer.process(scan, T_odom_base)
        located.append(step.located)
        if step.T_map_base is not None:
            assert step.covariance is not None
            error = se3.inverse(true) @ (se3.from_rotation_translation(np.eye(3), -survey) @ step.T_map_base)
            assert np.linalg.norm(error[:3, 3]) < 0.15
            assert se3.rotation_angle(error) < np.radians(1.0)
            assert np.sqrt(np.diag(step.covariance)[:3]).max() < 0.2
    assert located == [False, True, True, True, False, False, True, True]


@pytest.mark.slow
def test_in_a_map_of_another_town_no_pose_is_ever_given(town: tuple[Array, Array, LidarSimulator]) -> None:
    cloud, poses, _ = town
    other = LidarSimulator(
        build_town(replace(SimulatedDrive().plan, block_length=80.0, block_width=40.0), np.random.default_rng(99)),
        SpinningLidar(beams=48, azimuth_step_deg=0.8),
    )
    registrar = load_registrar("upright")
    relocalizer = Relocalizer(
        registrar,
        CloudPlaces(cloud, registrar.parameters),
        RelocalizationParameters(searched_places=2, time_limit=60.0),
    )
    random = np.random.default_rng(3)
    for pose in poses[5:35:10]:
        step = relocalizer.process(other.scan(pose, random), pose)
        assert not step.located
        assert step.T_map_base is None


def narrow_box(random: np.random.Generator) -> Array:
    """A scan (N,3) of the inside of a box of 3.2 m that is not level."""
    points = random.uniform(-1.6, 1.6, (20_000, 3))
    side = random.integers(3, size=len(points))
    points[np.arange(len(points)), side] = 1.6 * np.sign(points[np.arange(len(points)), side])
    shelf = random.uniform([0.4, -1.5, -1.0], [1.5, 0.6, 0.2], (3000, 3))
    return np.vstack([points, shelf]) + random.normal(0.0, 0.01, (23_000, 3))


@pytest.mark.slow
def test_a_robot_that_was_switched_on_in_a_narrow_place_is_found_in_the_open(
    town: tuple[Array, Array, LidarSimulator],
) -> None:
    cloud, poses, simulator = town
    random = np.random.default_rng(4)
    registrar = load_registrar("upright")
    relocalizer = Relocalizer(
        registrar, CloudPlaces(cloud, registrar.parameters), RelocalizationParameters(time_limit=60.0)
    )
    for _ in range(2):
        assert not relocalizer.process(narrow_box(random), np.eye(4)).located
    steps = [relocalizer.process(simulator.scan(pose, random), pose) for pose in poses[20:31]]
    last = steps[-1].T_map_base
    assert last is not None
    assert np.linalg.norm(last[:3, 3] - poses[30, :3, 3]) < 0.15


def level_site(half: float) -> Mesh:
    """Level ground of twice `half` metres a side, with low halls and cars, and free lanes along x and y."""
    random = np.random.default_rng(0)
    halls, cars = (np.column_stack([random.uniform(-half, half, (n, 2)), np.zeros(n)]) for n in (400, 800))
    for things, aside in ((halls, 22.0), (cars, 4.0)):
        planar = things[:, :2]
        planar[np.abs(planar) < aside] += aside * np.sign(planar[np.abs(planar) < aside])
    sizes = np.vstack([random.uniform([10.0, 8.0, 4.0], [30.0, 25.0, 8.0], (400, 3)), [[4.5, 1.8, 1.5]] * 800])
    ground = box((2.4 * half, 2.4 * half, 1.0), (0.0, 0.0, -1.0))
    return joined([ground, boxes(sizes, np.vstack([halls, cars]), random.uniform(0.0, 3.0, 1200))])


def test_on_a_level_site_of_a_kilometre_and_a_half_an_initial_pose_is_confirmed() -> None:
    """Two lanes of it are mapped: the map is two hundred times as wide as high, and no plane."""
    simulator = LidarSimulator(level_site(750.0), SpinningLidar(32, 10.0, -15.0, azimuth_step_deg=0.8))
    random = np.random.default_rng(1)
    stops = np.arange(-740.0, 741.0, 40.0)
    lanes = np.vstack([np.column_stack(pair) for pair in ((stops, 0.0 * stops), (0.0 * stops, stops))])
    at = [se3.from_rotation_translation(np.eye(3), np.array([x, y, 1.8])) for x, y in lanes]
    cloud = np.concatenate([se3.apply(T, simulator.scan(T, random).astype(np.float64)) for T in at])
    assert np.ptp(cloud[:, :2], axis=0).min() > 1500.0 > 150.0 * np.ptp(cloud[:, 2])
    registrar = load_registrar("upright")
    relocalizer = Relocalizer(
        registrar, CloudPlaces(cloud, registrar.parameters), RelocalizationParameters(time_limit=60.0)
    )
    true = at[26] @ se3.from_planar(13.0, 1.0, 0.7)  # 313 m from the middle
    relocalizer.set_initial_pose(true @ se3.from_planar(1.0, 2.0, 1.0), 5.0)
    T_odom_base = se3.from_planar(5.0, -3.0, 1.0) @ true
    steps = [relocalizer.process(simulator.scan(true, random), T_odom_base) for _ in range(2)]
    assert [step.located for step in steps] == [False, True]
    assert not any(step.initial_pose_refused for step in steps)
    assert steps[-1].T_map_base is not None
    metres, angle = se3.distance(steps[-1].T_map_base, true)
    assert metres < 0.1
    assert angle < np.radians(0.5)
