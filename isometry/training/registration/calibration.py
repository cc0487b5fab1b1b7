"""Fits the constants of `registration/calibration.py` to results on simulated pairs and on training drives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.kitti.scans import ScanSequence
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration import calibration
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError
from isometry.sensing.ground_surface import above_ground
from isometry.simulation.pairs import KINDS, simulated_pair
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.world import World
from isometry.training.common.fitting import two_sigma_scale, weights_of_evidence
from isometry.training.registration.pairs import pair_of_scans

FIRST_SEED = 700_000  # far from the seeds that networks train on
APART_EVERY = 5  # one pair in so many is of two places, where no transform is right
GROUNDLESS_EVERY = 3  # one pair of a drive in so many has its ground taken out
BLIND_EVERY = 3  # one pair in so many, beside those fused from many views, has no viewpoints
LARGEST_GAP_M = 30  # between the scans of a pair of a world
REGULARISATION = 1e-3


@dataclass(frozen=True)
class RegisteredPair:
    """The registration of one pair, its error, and whether it is right."""

    registration: Registration
    error: Array  # (6,) x, y, z in metres and a rotation vector in radians, in the target's frame
    right: bool
    simulated: bool


def calibration_pairs(
    drives: Sequence[ScanSequence], worlds: Sequence[World], count: int, seed: int
) -> Iterator[ScanPair]:
    """`count` pairs of each simulated kind, of each drive and of each world, in turn.

    Those of a world are as they are: there, other transforms may fit as well as the true one. Of the others, one in
    `APART_EVERY` is of two different places, and one in `GROUNDLESS_EVERY` of a drive's has no ground. One in
    `BLIND_EVERY`, and all pairs that are fused from many depth images, have no viewpoints.
    """
    random = np.random.default_rng(seed)
    scanners = [WorldScanner(world) for world in worlds]
    first_seed = FIRST_SEED + seed * 10_000
    for k in range(count):
        for kind in KINDS:
            pair = simulated_pair(kind, first_seed + k)
            if random.integers(APART_EVERY) == 0:
                pair = _apart(pair, simulated_pair(kind, first_seed + 5_000 + k))
            yield _blind(pair) if kind == "room" or random.integers(BLIND_EVERY) == 0 else pair
        for n, drive in enumerate(drives):
            groundless = bool(random.integers(GROUNDLESS_EVERY) == 0)
            pair = _pair_of_drive(drive, groundless, random)
            if random.integers(APART_EVERY) == 0:
                pair = _apart(pair, _pair_of_drive(drives[n - 1], groundless, random))
            yield _blind(pair) if random.integers(BLIND_EVERY) == 0 else pair
        for world, scanner in zip(worlds, scanners, strict=True):
            pair = _pair_of_world(world, scanner, random)
            yield _blind(pair) if random.integers(BLIND_EVERY) == 0 else pair


def registered(registrar: Registrar, pairs: Iterable[ScanPair], seed: int) -> Iterator[RegisteredPair]:
    """Register each pair, its source turned at random. Pairs with a cloud that is not usable are left out."""
    random = np.random.default_rng(seed)
    parameters: RegistrationParameters = registrar.parameters
    for pair in pairs:
        T_turned_source = se3.from_rotation_translation(Rotation.random(rng=random).as_matrix(), np.zeros(3))
        viewpoint = pair.source_viewpoint
        try:
            target = prepare(pair.target, parameters, pair.target_viewpoint)
            source = prepare(
                se3.apply(T_turned_source, pair.source.astype(np.float64)),
                parameters,
                None if viewpoint is None else se3.apply(T_turned_source, viewpoint),
            )
        except UnusableCloudError:
            continue
        found = registrar.register(target, source)
        error = _error(found.T_target_source, pair.T_target_source @ se3.inverse(T_turned_source))
        resolution = max(target.resolution, source.resolution)
        near = np.linalg.norm(error[:3]) < calibration.RIGHT_RESOLUTIONS * resolution
        right = bool(near and np.linalg.norm(error[3:]) < calibration.RIGHT_RADIANS)
        yield RegisteredPair(found, error, right, pair.simulated)


def fit_confidence(pairs: Sequence[RegisteredPair], blind: bool) -> dict[str, float]:
    """Weights of a logistic regression of right transforms on the evidence of the `blind` pairs, or of all others.

    The weights of the standardised evidence are penalised; those of the evidence itself are returned.
    """
    answered = [p for p in pairs if p.registration.evidence and bool(p.registration.evidence["blind"]) == blind]
    names = [name for name in (calibration.BLIND if blind else calibration.SIGHTED) if name != "offset"]
    evidence = np.array([[p.registration.evidence[name] for name in names] for p in answered])
    given = np.array([calibration.uniqueness(p.registration.evidence) for p in answered])
    signs = [-1 if name == "contradiction" else 1 for name in names]  # more evidence never makes less sure
    return weights_of_evidence(names, evidence, np.array([p.right for p in answered]), REGULARISATION, given, signs)


def fit_deviation_scale(pairs: Sequence[RegisteredPair]) -> float:
    """The factor on SURFACE_METRES at which errors of right transforms lie within two sigma as normal ones do.

    Only measured pairs count: a simulated sensor does not move during a scan, and simulated surfaces are even.
    """
    right = [pair for pair in pairs if pair.right and not pair.simulated]
    errors = np.array([pair.error for pair in right])
    variances = np.array([np.diagonal(pair.registration.covariance) for pair in right])
    return float(np.sqrt(two_sigma_scale(errors, variances)))


def _apart(pair: ScanPair, elsewhere: ScanPair) -> ScanPair:
    return replace(
        pair,
        source=elsewhere.source,
        source_viewpoint=elsewhere.source_viewpoint,
        T_target_source=np.full((4, 4), np.nan),
        name=f"{pair.name} against {elsewhere.name}",
    )


def _blind(pair: ScanPair) -> ScanPair:
    return replace(pair, target_viewpoint=None, source_viewpoint=None)


def _pair_of_drive(drive: ScanSequence, groundless: bool, random: np.random.Generator) -> ScanPair:
    pair = pair_of_scans(drive, *(int(k) for k in random.integers(len(drive), size=2)))
    if groundless:
        pair = replace(pair, target=above_ground(pair.target), source=above_ground(pair.source))
    return pair


def _pair_of_world(world: World, scanner: WorldScanner, random: np.random.Generator) -> ScanPair:
    lap = world.lap(1.0)
    first = int(random.integers(len(lap)))
    second = int(np.clip(first + random.integers(-LARGEST_GAP_M, LARGEST_GAP_M + 1), 0, len(lap) - 1))
    target, source = (scanner.scan(lap[k], random) for k in (first, second))
    T_target_source = se3.inverse(lap[first]) @ lap[second]
    name = f"{first}-{second}"
    return ScanPair(target, source, T_target_source, scanner.origin, scanner.origin, name, simulated=True)


def _error(T_found: Array, T_true: Array) -> Array:
    if np.isnan(T_true).any():
        return np.full(6, np.inf)
    return se3.error(T_found, T_true)
