"""From scans to tracks with their paths, whichever way the sensor is turned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.inference import ProviderParameters
from isometry.inference.session import open_session
from isometry.simulation.sensors.lidar import HDL_64E, LidarSimulator
from isometry.simulation.worlds.shapes import box, joined
from isometry.simulation.worlds.street_side import vehicle
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS, Detections, Track, TrackingStep

SCANS, STEP_NS = 14, 100_000_000
SPEED, OWN_SPEED = 6.0, 4.0  # metres a second, of the car that drives and of the robot, both along x
PARKED = [(8.0, 6.0), (16.0, 6.2), (25.0, 6.0), (5.0, -8.0)]


def base_at(k: int) -> Array:
    return se3.from_planar(0.1 * OWN_SPEED * k, 0.0, 0.0)


@pytest.fixture(scope="module")
def scans() -> list[NDArray[np.float32]]:
    """A street with parked cars and one that drives ahead of a robot that drives; not to be changed."""
    walls = [box((80.0, 0.4, 4.0), (20.0, y, 0.0)) for y in (12.0, -13.0)] + [box((0.4, 3.0, 5.0), (45.0, 9.0, 0.0))]
    still = [box((200.0, 200.0, 1.0), (0.0, 0.0, -1.0)), *walls]
    still += [joined([vehicle(4.2)], se3.from_planar(x, y, 0.0)) for x, y in PARKED]
    taken = []
    for k in range(SCANS):
        driving = joined([vehicle(4.2)], se3.from_planar(10.0 + 0.1 * SPEED * k, -2.5, 0.0))
        sensor = base_at(k)
        sensor[2, 3] = 1.73
        taken.append(LidarSimulator(joined([*still, driving]), HDL_64E).scan(sensor, np.random.default_rng(k)))
    return taken


@pytest.fixture
def pipeline() -> TrackingPipeline:
    return TrackingPipeline.load(TrackingParameters())


def run(scans: list[NDArray[np.float32]], yaw: float, pose: Callable[[int], Array | None]) -> list[TrackingStep]:
    pipeline = TrackingPipeline.load(TrackingParameters())
    T = se3.from_planar(0.0, 0.0, yaw)
    return [
        pipeline.process_scan(se3.apply(T, scan.astype(np.float64)), k * STEP_NS, pose(k))
        for k, scan in enumerate(scans)
    ]


def nearest(tracks: tuple[Track, ...], x: float, y: float) -> Track:
    return min(tracks, key=lambda track: float(np.hypot(track.box[0] - x, track.box[1] - y)))


def test_a_driving_car_moves_and_parked_cars_do_not(scans: list[NDArray[np.float32]]) -> None:
    steps = run(scans, 0.0, base_at)
    last = steps[-1].tracks
    driving = nearest(last, 10.0 + 0.1 * SPEED * (SCANS - 1), -2.5)
    np.testing.assert_allclose(driving.velocity, [SPEED, 0.0], atol=0.6)
    assert driving.label == "car"
    assert {nearest(step.tracks, 10.0 + 0.1 * SPEED * k, -2.5).id for k, step in enumerate(steps)} == {driving.id}
    for x, y in PARKED:
        assert np.hypot(*nearest(last, x, y).velocity) < 0.5


def test_paths_go_on_for_three_seconds(scans: list[NDArray[np.float32]]) -> None:
    track = nearest(run(scans, 0.0, base_at)[-1].tracks, 10.0 + 0.1 * SPEED * (SCANS - 1), -2.5)
    assert track.path.shape == (PATH_STEPS, 2)
    ahead = track.path[-1] - track.box[:2]
    np.testing.assert_allclose(ahead, [SPEED * PATH_STEPS * PATH_STEP_S, 0.0], atol=3.0)
    variances = np.linalg.eigvalsh(track.path_covariances)
    assert (variances > 0.0).all()
    assert variances[-1].max() > variances[0].max()


@pytest.mark.parametrize("own_odometry", [True, False])
def test_a_turned_sensor_gives_turned_tracks(scans: list[NDArray[np.float32]], own_odometry: bool) -> None:
    yaw = 2.0
    T = se3.from_planar(0.0, 0.0, yaw)
    plain = run(scans[:6], 0.0, lambda k: None if own_odometry else base_at(k))
    turned = run(scans[:6], yaw, lambda k: None if own_odometry else base_at(k) @ se3.inverse(T))
    # with its own odometry the frame of the tracks turns too; with poses from elsewhere it stays
    turn = yaw if own_odometry else 0.0
    for one, other in zip(plain, turned, strict=True):
        a, b = ({track.id: track for track in step.tracks} for step in (one, other))
        assert a.keys() == b.keys()
        places = np.array([a[number].box[:2] for number in a]) @ planar.rotations(np.asarray(turn)).T
        np.testing.assert_allclose([b[number].box[:2] for number in a], places, atol=1e-3)


def test_odometry_in_utm_gives_the_same_tracks_there(scans: list[NDArray[np.float32]]) -> None:
    utm = se3.from_planar(691_232.0, 5_334_568.0, 0.0)
    plain, far = run(scans[:8], 0.0, base_at), run(scans[:8], 0.0, lambda k: utm @ base_at(k))
    for one, other in zip(plain, far, strict=True):
        a, b = ({track.id: track for track in step.tracks} for step in (one, other))
        assert a.keys() == b.keys()
        # a piece of a wall may lie on the border of a cell of the memory, where the last digit decides
        for number in (number for number in a if a[number].label != "unknown"):
            np.testing.assert_allclose(b[number].box[:2] - utm[:2, 3], a[number].box[:2], atol=1e-3)
            np.testing.assert_allclose(b[number].velocity, a[number].velocity, atol=1e-3)
            np.testing.assert_allclose(
                b[number].path - b[number].box[:2], a[number].path - a[number].box[:2], atol=1e-2
            )


def test_detections_alone_are_tracked_and_predicted(pipeline: TrackingPipeline) -> None:
    for k in range(12):
        boxes = np.array([[1.0 * k, 2.0, 0.8, 4.0, 1.8, 1.5, 0.0]])
        step = pipeline.process_detections(Detections(boxes, np.array([0.9]), ("car",)), k * STEP_NS, np.eye(4))
    (track,) = step.tracks
    np.testing.assert_allclose(track.path[-1], [11.0 + 30.0, 2.0], atol=3.0)


def test_a_jump_of_time_begins_anew(scans: list[NDArray[np.float32]], pipeline: TrackingPipeline) -> None:
    for k, scan in enumerate(scans[:4]):
        before = pipeline.process_scan(scan, 10_000_000_000 + k * STEP_NS)
    for stamp_ns in (10_000_000_000 + 3 * STEP_NS, 10_000_000_000 + 2 * STEP_NS):
        with pytest.raises(ValueError, match="came after"):
            pipeline.process_scan(scans[4], stamp_ns)
    with pytest.raises(ValueError, match=r"jumps back by 9\.3 s"):
        pipeline.process_scan(scans[3], 1_000_000_000)
    after = pipeline.process_scan(scans[4], 1_000_000_000 + STEP_NS)
    assert after.restarted
    np.testing.assert_allclose(after.T_odom_base, np.eye(4), atol=1e-12)
    assert {track.id for track in after.tracks}.isdisjoint(track.id for track in before.tracks)


@pytest.mark.parametrize(
    "scan",
    [np.zeros((0, 3)), np.full((500, 3), np.nan), np.zeros((1, 3)), np.zeros((10, 2)), 1e5 * np.ones((500, 3))],
    ids=["empty", "NaN", "one point", "flat", "millimetres"],
)
def test_a_scan_of_no_use_leaves_the_tracks(
    scan: Array, scans: list[NDArray[np.float32]], pipeline: TrackingPipeline
) -> None:
    for k in range(3):
        before = pipeline.process_scan(scans[k], k * STEP_NS)
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        pipeline.process_scan(scan, 3 * STEP_NS)
    after = pipeline.process_scan(scans[4], 4 * STEP_NS)
    assert {track.id for track in before.tracks if track.hits == 3} <= {track.id for track in after.tracks}


def test_a_provider_runs_the_memory_and_the_paths_stay_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = ProviderParameters("cuda", "device_id=1")
    asked: dict[str, ProviderParameters | None] = {}

    def on_the_cpu(path: Path, threads: int = 1, provider: ProviderParameters | None = None) -> InferenceSession:
        asked[path.stem] = provider
        return open_session(path, threads)

    monkeypatch.setattr("isometry.inference.model.open_session", on_the_cpu)
    TrackingPipeline.load(TrackingParameters(), provider=cuda)
    assert asked == {"flow_filter": cuda, "motion_prediction": None}
