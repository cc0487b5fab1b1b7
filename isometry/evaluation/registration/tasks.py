"""What registration is measured on: the pairs, the name of the data, and what the figures are grouped by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isometry.datasets.kitti.registration import SEQUENCES, open_kitti_registration
from isometry.datasets.kitti.scans import open_scans
from isometry.datasets.three_d_match import BENCHMARKS, INLIER_M, open_three_d_match
from isometry.evaluation.registration.fragments import FragmentProtocol, ThreeDMatchProtocol
from isometry.evaluation.registration.gaps import GapProtocol
from isometry.evaluation.registration.measure import Case, PairResult
from isometry.evaluation.registration.protocols import (
    KITTI_INLIER_M,
    KittiProtocol,
    kitti_figures,
    three_d_match_figures,
)
from isometry.evaluation.registration.worlds import WorldProtocol
from isometry.simulation.worlds.registry import build_world


@dataclass(frozen=True)
class Task:
    """The pairs to measure."""

    cases: Iterable[Case]
    pairs: int
    groups_name: str  # key of the figures of groups of pairs
    data: str  # name of the recording and the part of it
    inlier_m: float | None = None  # distance within which a match is right; None: matches are not evaluated
    published: Callable[[list[PairResult]], dict[str, Any]] | None = None  # further figures, of the published protocol


def gaps_apart(
    kitti: Path,
    sequence: str,
    poses: Path | None,
    gaps: Sequence[int],
    every: int,
    drop_ground: bool,
    turn: str,
    seed: int,
) -> Task:
    """Pairs of scans of a KITTI directory. Raises DatasetError, and ValueError for a gap longer than the sequence."""
    protocol = GapProtocol(gaps, turn, seed, every, drop_ground)
    scans = open_scans(kitti, sequence, poses)
    ground = " without ground" if drop_ground else ""
    data = f"{kitti.resolve().name}/{sequence} gaps {_listed(gaps)} every {every} rotate {turn} seed {seed}{ground}"
    return Task(protocol.cases(scans), protocol.count(len(scans)), "gaps", data)


def in_world(name: str, gaps: Sequence[int], every: int, turn: str, seed: int) -> Task:
    """Pairs in a simulated world. Raises ValueError for another name and for a gap longer than the route."""
    protocol = WorldProtocol(gaps, turn, seed, every)
    world = build_world(name, seed)
    data = f"world {name} gaps {_listed(gaps)} every {every} rotate {turn} seed {seed}"
    return Task(protocol.cases(world), protocol.count(world), "gaps", data)


def fragments(scene: Path, frames: int, turn: str, seed: int) -> Task:
    """Fragments of a 7-Scenes scene. Raises DatasetError, and ValueError where no two overlap."""
    protocol = FragmentProtocol(frames, turn, seed)
    read = protocol.read(scene)
    pairs = protocol.pairs(read)
    data = f"{scene.resolve().name} fragments of {frames} frames rotate {turn} seed {seed}"
    return Task(protocol.cases(read, pairs), len(pairs), "overlaps", data)


def three_d_match(root: Path, benchmark: str, turn: str, seed: int) -> Task:
    """The published pairs of 3DMatch or 3DLoMatch. Raises DatasetError, and ValueError for another benchmark."""
    if benchmark not in BENCHMARKS:
        raise ValueError(f"--benchmark {benchmark}: it must be one of {', '.join(BENCHMARKS)}")
    protocol = ThreeDMatchProtocol(turn, seed)
    scenes = open_three_d_match(root, benchmark)
    data = f"{benchmark} {len(scenes)} scenes rotate {turn} seed {seed}"
    return Task(protocol.cases(scenes), protocol.count(scenes), "pairs", data, INLIER_M, three_d_match_figures)


def kitti_protocol(root: Path, turn: str, seed: int) -> Task:
    """The published pairs of KITTI. Raises DatasetError with the name of what is missing."""
    pairs = open_kitti_registration(root)
    data = f"{root.resolve().name} {', '.join(SEQUENCES)} pairs 10 m apart rotate {turn} seed {seed}"
    cases = KittiProtocol(turn, seed).cases(pairs)
    return Task(cases, len(pairs), "pairs", data, KITTI_INLIER_M, kitti_figures)


def _listed(gaps: Sequence[int]) -> str:
    return ",".join(map(str, gaps))
