"""Registration of two scans of 57,000 points, one thread: each source of hypotheses, each stage, other methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import open3d
import small_gicp
from numpy.typing import NDArray

from benchmarks.measure import Figure, size, timed
from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.measure import pair_registration, scan_criterion
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3
from isometry.inference import WEIGHTS
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud, Hypotheses, Proposer
from isometry.simulation.sensors.lidar import HDL_64, LidarSimulator
from isometry.simulation.worlds.street import build_street

POINTS = 57_000
LIDAR = replace(HDL_64, azimuth_step_deg=0.3)
APART_M = 8.0
SOURCES = ("upright", "equivariant", "invariant", "default")
WITHOUT_WEIGHTS = ("upright", "default")
ROUNDS, PEER_ROUNDS = 7, 1
FPFH_VOXEL_M = 0.5
SENSOR = np.zeros(3)


def figures() -> Iterator[Figure]:
    """All figures, one after the other. Raises RuntimeError when the pair is not registered correctly."""
    pair = turned_pair()
    is_right = scan_criterion(pair.T_target_source)
    yield size("registration_points", float(len(pair.target)), "points")
    registrars = dict(available())
    parameters = registrars["upright"].parameters
    yield timed("registration_prepare", lambda: _prepared(pair, registrars["upright"]), ROUNDS)
    target, source = _prepared(pair, registrars["upright"])
    first_hypotheses: list[Hypotheses] = []
    for name, registrar in registrars.items():
        found = pair_registration(registrar)(pair)
        if not is_right(found.T_target_source):
            raise RuntimeError(f"the source {name} does not register the pair of the benchmark")
        if len(registrar.proposers) == 1:
            propose = partial(_proposed, registrar.proposers[0], target, source)
            first_hypotheses = first_hypotheses or [propose()]
            yield timed(f"registration_propose_{name}", propose, ROUNDS)
        yield timed(f"registration_total_{name}", partial(pair_registration(registrar), pair), ROUNDS)
    fixed = FixedHypotheses(first_hypotheses)
    yield timed(
        "registration_verify_and_align",
        lambda: Registrar([fixed], parameters).register(replace(target), replace(source)),
        ROUNDS,
    )
    T_initial = pair.T_target_source @ se3.from_planar(0.5, 0.3, 0.03)
    yield timed(
        "registration_from_a_guess",
        lambda: Registrar([], parameters).refine(replace(target), replace(source), T_initial),
        ROUNDS,
    )
    yield timed("registration_peer_gicp_from_a_guess", lambda: gicp(pair, T_initial), ROUNDS)
    yield timed("registration_peer_fpfh_ransac", lambda: fpfh_ransac(pair), PEER_ROUNDS)


def available() -> Iterator[tuple[str, Registrar]]:
    """The registrar of each source of hypotheses; of networks, only where their weights exist."""
    for name in SOURCES:
        if name in WITHOUT_WEIGHTS or (WEIGHTS / f"registration_{name}.onnx").exists():
            yield name, load_registrar(name)


class FixedHypotheses:
    """A source that returns given hypotheses, so that the stages after it can be timed alone."""

    name = "fixed"

    def __init__(self, hypotheses: Sequence[Hypotheses]) -> None:
        self.hypotheses = hypotheses

    def propose(self, target: Cloud, source: Cloud) -> Sequence[Hypotheses]:
        """The given hypotheses, whatever the clouds."""
        return self.hypotheses


def turned_pair() -> ScanPair:
    """Two scans of a 64-beam LiDAR, 8 m apart in a simulated street; the second one is randomly rotated."""
    random = np.random.default_rng(0)
    street = build_street(random)
    simulator = LidarSimulator(street.with_traffic(np.zeros((0, 4))), LIDAR)
    first = len(street.route) // 2
    apart = np.linalg.norm(street.route[:, :3, 3] - street.route[first, :3, 3], axis=1)
    second = int(np.abs(apart - APART_M).argmin())
    mast = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 1.73]))
    poses = [street.bend.pose(street.route[k]) @ mast for k in (first, second)]
    clouds = [_of_size(simulator.scan(pose, random), random) for pose in poses]
    pair = ScanPair(clouds[0], clouds[1], se3.inverse(poses[0]) @ poses[1], SENSOR, SENSOR, "benchmark")
    return source_turned(pair, random_turn("so3", random))


def gicp(pair: ScanPair, T_initial: Array) -> Any:
    """small_gicp alone, from the points and an initial pose estimate (4,4) to a transform."""
    return small_gicp.align(
        pair.target.astype(np.float64),
        pair.source.astype(np.float64),
        init_T_target_source=T_initial,
        downsampling_resolution=0.4,
        num_threads=1,
    )


def fpfh_ransac(pair: ScanPair) -> Any:
    """Open3D's feature histograms and RANSAC, with the settings of its tutorial: from the points to a transform."""
    clouds, features = [], []
    for points in (pair.target, pair.source):
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
        coarse = cloud.voxel_down_sample(FPFH_VOXEL_M)
        coarse.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=2.0 * FPFH_VOXEL_M, max_nn=30))
        coarse.orient_normals_towards_camera_location(SENSOR)
        around = open3d.geometry.KDTreeSearchParamHybrid(radius=5.0 * FPFH_VOXEL_M, max_nn=100)
        clouds.append(coarse)
        features.append(open3d.pipelines.registration.compute_fpfh_feature(coarse, around))  # type: ignore[call-arg]
    registration = open3d.pipelines.registration
    reach = 1.5 * FPFH_VOXEL_M
    return registration.registration_ransac_based_on_feature_matching(
        clouds[1],
        clouds[0],
        features[1],
        features[0],
        True,
        reach,
        registration.TransformationEstimationPointToPoint(False),
        3,
        [
            registration.CorrespondenceCheckerBasedOnEdgeLength(0.9),
            registration.CorrespondenceCheckerBasedOnDistance(reach),
        ],
        registration.RANSACConvergenceCriteria(100_000, 0.999),
    )


def _prepared(pair: ScanPair, registrar: Registrar) -> tuple[Cloud, Cloud]:
    return (
        prepare(pair.target, registrar.parameters, pair.target_viewpoint),
        prepare(pair.source, registrar.parameters, pair.source_viewpoint),
    )


def _proposed(proposer: Proposer, target: Cloud, source: Cloud) -> Hypotheses:
    """The first hypotheses of a source, with copies of the clouds so that no cached result is reused."""
    return next(iter(proposer.propose(replace(target), replace(source))))


def _of_size(points: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """`POINTS` random points, in their order."""
    chosen = random.choice(len(points), POINTS, replace=False)
    subset: NDArray[np.float32] = points[np.sort(chosen)]
    return subset
