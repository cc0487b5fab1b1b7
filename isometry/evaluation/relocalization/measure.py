"""Relocalisation measured on trials in a world: what it says while nobody can know, and once it can be known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import small_gicp
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.evaluation.common import calibration
from isometry.evaluation.common.statistics import mean, median, percentile
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.evaluation.relocalization.trials import STEP_M, Trial
from isometry.geometry import se3
from isometry.geometry.covariance import AXES
from isometry.registration.types import UnusableCloudError
from isometry.relocalization.pipeline import RelocalizationStep
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.world import World

MAP_STEP_M, MAP_VOXEL_M = 2.0, 0.1


class Locator(Protocol):
    """A method that locates a robot in a map by its scans, such as `Relocalizer`."""

    def process(self, points: NDArray[np.floating], T_odom_base: Array, origin: Array) -> RelocalizationStep:
        """One scan (N,3) in metres in the base frame; `origin` (3,) is the sensor's position there."""
        ...


@dataclass(frozen=True)
class TrialResult:
    """What the method said during one trial. S scans."""

    trial: Trial
    located: Flags  # (S,)
    errors: Array  # (S,6) of `se3.error` in the map, of the pose or else of map -> odom -> base; NaN while lost
    covariances: Array  # (S,6,6); NaN for a scan without a pose
    reasons: tuple[str, ...]
    seconds: Array  # (S,) wall time
    processor_seconds: Array  # (S,)

    @property
    def right(self) -> Flags:
        """At which scans (S,) the robot is located, within 2 m and 5 deg."""
        metres, radians = (np.linalg.norm(part, axis=1) for part in (self.errors[:, :3], self.errors[:, 3:]))
        return np.asarray(self.located & (metres < RIGHT_METRES) & (np.degrees(radians) < RIGHT_DEGREES))

    @property
    def right_with_pose(self) -> Flags:
        """The right ones (S,) of the scans with a pose of their own."""
        return np.asarray(self.right & ~np.isnan(self.covariances[:, 0, 0]))

    @property
    def located_while_unknowable(self) -> bool:
        """Whether it ever claimed a pose while another place explained all as well."""
        return bool((self.located & ~self.trial.knowable).any())

    @property
    def wrong_located(self) -> bool:
        """Whether it ever claimed a wrong pose."""
        return bool((self.located & ~self.right).any())

    @property
    def scans_until_located(self) -> int | None:
        """Scans from the first that decides to the first with a right pose; None where there is none."""
        if not self.trial.becomes_knowable:
            return None
        first = int(np.argmax(self.trial.knowable))
        right = np.flatnonzero(self.right[first:])
        return int(right[0]) if len(right) else None


def map_of(world: World, seed: int) -> NDArray[np.float32]:
    """The map (N,3) in metres: scans along the route at true poses, thinned."""
    scanner, random = WorldScanner(world), np.random.default_rng([seed, 0])
    clouds = [se3.apply(T, scanner.scan(T, random).astype(np.float64)) for T in world.lap(MAP_STEP_M)]
    thinned = small_gicp.voxelgrid_sampling(np.vstack(clouds), MAP_VOXEL_M)
    return np.asarray(thinned.points())[:, :3].astype(np.float32)


def measure(
    world: World,
    trials: Sequence[Trial],
    switched_on: Callable[[], Locator],
    seed: int,
    progress: Callable[[Iterable[Trial]], Iterable[Trial]] = iter,
) -> list[TrialResult]:
    """Run all trials; `switched_on` gives a robot that knows the map and no pose. `seed` is that of the noise."""
    scanner = WorldScanner(world)
    return [_run(scanner, trial, switched_on(), seed) for trial in progress(trials)]


def _run(scanner: WorldScanner, trial: Trial, locator: Locator, seed: int) -> TrialResult:
    scans = len(trial.T_world_base)
    located, reasons = np.zeros(scans, np.bool_), []
    errors, covariances = np.full((scans, 6), np.nan), np.full((scans, 6, 6), np.nan)
    seconds, worked = np.empty(scans), np.empty(scans)
    for k, (T_world_base, T_odom_base) in enumerate(zip(trial.T_world_base, trial.T_odom_base, strict=True)):
        points = scanner.scan(T_world_base, np.random.default_rng([seed, 2, trial.number, k]))
        began, before = time.perf_counter(), time.process_time()
        try:
            step: RelocalizationStep | None = locator.process(points, T_odom_base, scanner.origin)
        except UnusableCloudError:
            step = None
        seconds[k], worked[k] = time.perf_counter() - began, time.process_time() - before
        reasons.append("unusable_cloud" if step is None else str(step.reason))
        if step is not None:
            located[k] = step.located
            if step.T_map_base is not None and step.covariance is not None:
                errors[k], covariances[k] = se3.error(step.T_map_base, T_world_base), step.covariance
            elif step.T_map_odom is not None:
                errors[k] = se3.error(step.T_map_odom @ T_odom_base, T_world_base)
    return TrialResult(trial, located, errors, covariances, tuple(reasons), seconds, worked)


def figures(results: Sequence[TrialResult]) -> dict[str, Any]:
    """All figures, by the names in the output of the command; None without a value.

    Shares are of trials: `located_while_unknowable` of those that begin where the pose is unknowable,
    `located_once_knowable` of those in which it becomes known, `wrong_located` of all.
    """
    unknowable = [r for r in results if r.trial.begins_unknowable]
    decided = [r for r in results if r.trial.becomes_knowable]
    delays = [float(r.scans_until_located) for r in decided if r.scans_until_located is not None]
    seconds = np.concatenate([r.seconds for r in results])
    processor = np.concatenate([r.processor_seconds for r in results])
    reasons = [reason for r in results for reason in r.reasons]
    return {
        "trials": len(results),
        "scans": len(seconds),
        "trials_unknowable_at_first": len(unknowable),
        "trials_knowable_at_last": len(decided),
        "located_while_unknowable": mean([r.located_while_unknowable for r in unknowable]),
        "located_once_knowable": mean([r.scans_until_located is not None for r in decided]),
        "scans_until_located": median(delays),
        "metres_until_located": median([STEP_M * delay for delay in delays]),
        "wrong_located": mean([r.wrong_located for r in results]),
        "scans_located": float(np.mean(np.concatenate([r.located for r in results]))),
        "translation_error_m": median(_of_right(results, lambda r: np.linalg.norm(r.errors[:, :3], axis=1)).tolist()),
        "rotation_error_deg": median(
            np.degrees(_of_right(results, lambda r: np.linalg.norm(r.errors[:, 3:], axis=1))).tolist()
        ),
        "inside_2_sigma": _inside_two_sigma(results),
        "reasons": {reason: reasons.count(reason) / len(reasons) for reason in sorted(set(reasons))},
        "seconds": _of_scans(seconds),
        "processor_seconds": _of_scans(processor),
    }


def _of_scans(seconds: Array) -> dict[str, float | None]:
    """Median, 99th percentile and maximum of a time (S,)."""
    return {name: percentile(seconds, percent) for name, percent in (("median", 50), ("p99", 99), ("max", 100))}


def _of_right(results: Sequence[TrialResult], values: Callable[[TrialResult], Array]) -> Array:
    """The values of all scans with a right pose, one after the other."""
    return np.concatenate([values(r)[r.right_with_pose] for r in results])


def _inside_two_sigma(results: Sequence[TrialResult]) -> dict[str, float | None]:
    """Share of the errors of right poses within two standard deviations, by axis: 0.954 when calibrated."""
    errors = _of_right(results, lambda r: r.errors)
    if not len(errors):
        return dict.fromkeys(AXES)
    inside = calibration.inside_two_sigma(errors, _of_right(results, lambda r: r.covariances))
    return dict(zip(AXES, inside.tolist(), strict=True))
