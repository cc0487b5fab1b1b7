"""Pairs of clouds to train registration on: real and simulated ones, prepared once and kept in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.errors import reading_arrays
from isometry.datasets.kitti.scans import ScanSequence
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud, UnusableCloudError
from isometry.sensing.ground_surface import above_ground
from isometry.simulation.pairs import simulated_pair

Points = NDArray[np.floating]
LONGEST_GAP = 40  # scans between the two of a real pair
WITHOUT_GROUND = 0.25  # share of the pairs of a vehicle whose ground is taken out
FINER, COARSER = 0.85, 1.25  # the resolution varies between these multiples of what `prepare` chooses
UNSIGNED = 0.25  # share of the pairs in which the sign of the normals is hidden
WHOLE = 0.25  # share of the pairs that are not cut down
LARGEST_CUT = 6000  # points


@dataclass(frozen=True)
class TrainingPair:
    """Two prepared clouds, each turned at random, and the transform between them."""

    target: Cloud
    source: Cloud
    T_target_source: Array  # (4,4)


def real_pairs(sequence: ScanSequence, count: int, random: np.random.Generator) -> Iterator[ScanPair]:
    """Pairs of scans of one drive, up to 40 frames apart."""
    first, second = np.nonzero(np.triu(np.abs(sequence.frames[:, None] - sequence.frames[None]) <= LONGEST_GAP, 1))
    for row in random.integers(len(first), size=count):
        yield pair_of_scans(sequence, int(first[row]), int(second[row]))


def pair_of_scans(sequence: ScanSequence, target: int, source: int) -> ScanPair:
    """Two scans of one drive, each in its sensor's frame, with the transform that the drive's poses give."""
    target_points, source_points = (np.asarray(sequence.scan(k)[:, :3]) for k in (target, source))
    T_target_source = se3.inverse(sequence.poses[target]) @ sequence.poses[source]
    return ScanPair(target_points, source_points, T_target_source, np.zeros(3), np.zeros(3), f"{target}-{source}")


def simulated_pairs(kind: str, seeds: Iterable[int]) -> Iterator[ScanPair]:
    """Simulated pairs of a kind (`isometry.simulation.pairs`)."""
    return (simulated_pair(kind, seed) for seed in seeds)


def prepared(pair: ScanPair, level: bool, random: np.random.Generator) -> TrainingPair | None:
    """A pair as `prepare` leaves it, both clouds turned at random and at one resolution, which varies a little.

    The ground is taken out of some pairs that are `level` (a vehicle's, z up). None for a pair that is not usable.
    """
    target, source = pair.target, pair.source
    if level and random.random() < WITHOUT_GROUND:
        target, source = (np.asarray(above_ground(points), np.float32) for points in (target, source))
    T_turned_target, T_turned_source = (
        se3.from_rotation_translation(turn, np.zeros(3)) for turn in Rotation.random(2, rng=random).as_matrix()
    )
    parameters = RegistrationParameters()
    clouds = (
        (se3.apply(T_turned_target, target.astype(np.float64)), pair.target_viewpoint),
        (se3.apply(T_turned_source, source.astype(np.float64)), pair.source_viewpoint),
    )
    try:
        coarser = max(prepare(points, parameters, viewpoint).resolution for points, viewpoint in clouds)
        parameters = replace(parameters, resolution=coarser * random.uniform(FINER, COARSER))
        ready = [prepare(points, parameters, viewpoint) for points, viewpoint in clouds]
    except UnusableCloudError:
        return None
    T_target_source = T_turned_target @ pair.T_target_source @ se3.inverse(T_turned_source)
    return TrainingPair(ready[0], ready[1], T_target_source)


def write_pairs(
    pairs: Iterable[ScanPair],
    kind: str,
    level: bool,
    folder: Path,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Prepare pairs and write each as KIND_KKKKK.npz; a pair that is not usable is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, pair in enumerate(pairs):
        path = folder / f"{kind}_{k:05d}.npz"
        ready = prepared(pair, level, np.random.default_rng([seed, k]))
        if ready is not None:
            save_pair(ready, path)
        progress(k)


def save_pair(pair: TrainingPair, path: Path) -> None:
    """Write a pair whose viewpoints are the origins of its frames."""
    temporary = path.with_suffix(".tmp.npz")
    np.savez(
        temporary,
        target=pair.target.points.astype(np.float32),
        target_normals=pair.target.normals.astype(np.float16),
        source=pair.source.points.astype(np.float32),
        source_normals=pair.source.normals.astype(np.float16),
        resolution=pair.target.resolution,
        T_target_source=pair.T_target_source,
    )
    os.replace(temporary, path)


def load_pair(path: Path) -> TrainingPair:
    """What `save_pair` wrote. Raises ValueError naming a file that is not one."""
    with reading_arrays(path, "a prepared pair") as content:

        def cloud(name: str) -> Cloud:
            normals = content[f"{name}_normals"].astype(np.float64)
            return Cloud(content[name].astype(np.float64), normals, float(content["resolution"]), np.zeros(3))

        return TrainingPair(cloud("target"), cloud("source"), content["T_target_source"])


def augmented(pair: TrainingPair, random: np.random.Generator) -> TrainingPair:
    """The pair, mostly cut down to the surroundings of one place, and sometimes without the sign of its normals."""
    target, source = pair.target, pair.source
    if random.random() >= WHOLE:
        count = int(random.integers(LARGEST_CUT // 2, LARGEST_CUT + 1))
        around = target.points[random.integers(len(target.points))]
        target, radius = _cut(target, around, count)
        missed = random.normal(0.0, 0.3 * radius, 3)
        centre = se3.apply(se3.inverse(pair.T_target_source), (around + missed)[None])[0]
        source, _ = _cut(source, centre, count)
    if random.random() < UNSIGNED:
        target, source = (replace(cloud, viewpoint=None) for cloud in (target, source))
    return TrainingPair(target, source, pair.T_target_source)


def _cut(cloud: Cloud, centre: Array, count: int) -> tuple[Cloud, float]:
    """The `count` points of a cloud nearest to a centre (3,), and the distance of the farthest of them, in metres."""
    distance = np.linalg.norm(cloud.points - centre, axis=1)
    count = min(count, len(distance))
    nearest = np.argpartition(distance, count - 1)[:count]
    return replace(cloud, points=cloud.points[nearest], normals=cloud.normals[nearest]), float(distance[nearest].max())


def split(folder: Path, validation: int) -> tuple[Sequence[Path], Sequence[Path]]:
    """The files of a folder to train on, and the first `validation` of each kind, which are held back.

    Raises ValueError where none is left to train on.
    """
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*_*.npz")):
        if not path.name.endswith(".tmp.npz"):
            by_kind.setdefault(path.name.rsplit("_", 1)[0], []).append(path)
    held = [path for paths in by_kind.values() for path in paths[:validation]]
    kept = [path for paths in by_kind.values() for path in paths[validation:]]
    if not kept:
        raise ValueError(f"{folder}: no prepared pairs to train on")
    return kept, held
