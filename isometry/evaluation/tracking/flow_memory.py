"""Errors of the velocities of the flow-equivariant memory, on simulated drives and on a labelled recording."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.datasets.kitti.scans import RATE_HZ, ScanSequence
from isometry.datasets.kitti.tracking import DONT_CARE, KittiTracking
from isometry.geometry import se3
from isometry.geometry.boxes import moved
from isometry.sensing.ground_surface import above_ground
from isometry.simulation.traffic.scans import TrafficDrive
from isometry.tracking.memory.flow_memory import FlowMemory

SETTLED_S = 1.0  # of a drive, before which nothing is judged
OBJECT_S = 0.6  # age of an object at least
LEAST_POINTS = 10  # on an object
MOVING_MPS = 1.0  # slower objects are stationary
REACH_M = 38.0  # further objects, at the rim of the window, are not judged
LABEL_S = 0.5  # before and after, between which the velocity of a label is measured
CLUTTER_MPS = 1.5  # a cell of no object is wrong when its mean velocity is faster


@dataclass
class VelocityErrors:
    """Errors of velocities, one entry for each object in each scan."""

    keys: list[str] = field(default_factory=list)  # group of the object in the figures
    errors: list[Array] = field(default_factory=list)  # (2,) metres a second; NaN: not known
    truths: list[Array] = field(default_factory=list)  # (2,)
    squared: list[float] = field(default_factory=list)  # Mahalanobis distances, squared; NaN: not known
    clutter: list[float] = field(default_factory=list)  # shares of wrong cells, one for each scan
    seconds: list[float] = field(default_factory=list)  # of each update
    cells: list[int] = field(default_factory=list)  # of each scan

    def add(self, memory: FlowMemory, keys: Iterable[str], boxes: Array, truths: Array) -> None:
        """Compare the velocities of boxes (N,7) in the memory with the true ones (N,2)."""
        velocities, covariances = memory.velocities(boxes)
        for key, velocity, covariance, truth in zip(keys, velocities, covariances, truths, strict=True):
            error = velocity - truth
            known = bool(np.isfinite(error).all())
            self.keys.append(key)
            self.errors.append(error)
            self.truths.append(truth)
            self.squared.append(float(error @ np.linalg.solve(covariance, error)) if known else np.nan)

    def timed_update(self, memory: FlowMemory, points: NDArray[np.floating], pose: Array, stamp_ns: int) -> None:
        """Update the memory, and keep the processor time of it."""
        began = time.process_time()
        memory.update(points, pose, stamp_ns)
        self.seconds.append(time.process_time() - began)
        self.cells.append(0 if memory.newest is None else len(memory.newest.cells))


def judge_drives(memory: FlowMemory, drives: Iterable[TrafficDrive]) -> VelocityErrors:
    """Velocities of the true boxes of simulated drives, and of the cells of no object, which are stationary."""
    errors = VelocityErrors()
    for drive in drives:
        memory.reset()
        boxes, times_s = drive.traffic.boxes, drive.traffic.times_s
        first = int(np.ceil(OBJECT_S / times_s[1]))
        for k, scan in enumerate(drive.scans):
            errors.timed_update(memory, scan.points, scan.T_world_lidar, round(times_s[k] * 1e9))
            step = memory.newest
            if times_s[k] < SETTLED_S or step is None or np.isnan(step.step_s):
                continue
            before = int(np.abs(times_s - (times_s[k] - step.step_s)).argmin())
            seen, points = np.unique(scan.objects[scan.objects >= 0], return_counts=True)
            there = np.isfinite(boxes[k - first : k + 1, seen, 0]).all(axis=0)
            near = np.linalg.norm(boxes[k, seen, :2] - scan.T_world_lidar[:2, 3], axis=1) < REACH_M
            judged = seen[there & near & (points >= LEAST_POINTS)]
            truths = (boxes[k, judged, :2] - boxes[before, judged, :2]) / step.step_s
            errors.add(memory, [drive.traffic.labels[each] for each in judged], boxes[k, judged], truths)
            clutter = np.ones(len(step.cells), bool)
            of_objects = step.cells.of_points[scan.objects >= 0]
            clutter[of_objects[of_objects >= 0]] = False
            if clutter.any():
                speeds = np.linalg.norm(memory.cell_velocities()[clutter], axis=1)
                errors.clutter.append(float((speeds > CLUTTER_MPS).mean()))
    return errors


def judge_recording(memory: FlowMemory, tracking: KittiTracking, scans: ScanSequence) -> VelocityErrors:
    """Velocities of the labelled boxes of a recording with poses; each object, by class and number, is a group."""
    errors = VelocityErrors()
    memory.reset()
    paths = dict(_paths(tracking, scans))
    around = round(LABEL_S * RATE_HZ)
    for k, frame in enumerate(scans.frames.tolist()):
        points = above_ground(scans.scan(k)[:, :3])
        stamp_ns = round(frame / RATE_HZ * 1e9)
        errors.timed_update(memory, se3.apply(scans.poses[k], points.astype(np.float64)), scans.poses[k], stamp_ns)
        for key, path in paths.items():
            if frame in path and frame - around in path and frame + around in path:
                truth = (path[frame + around][:2] - path[frame - around][:2]) / (2.0 * LABEL_S)
                errors.add(memory, [key], path[frame][None], truth[None])
    return errors


def _paths(tracking: KittiTracking, scans: ScanSequence) -> Iterator[tuple[str, dict[int, Array]]]:
    """The boxes (7,) of each labelled object in the frame of the poses, by frame."""
    labels, posed = tracking.labels, dict(zip(scans.frames.tolist(), scans.poses, strict=True))
    for each in sorted(set(labels.ids.tolist())):
        rows = [row for row in np.flatnonzero(labels.ids == each) if labels.labels[row] != DONT_CARE]
        path = {}
        for row in rows:
            frame = int(labels.frames[row])
            if frame in posed:
                path[frame] = moved(posed[frame], labels.boxes[row])[0]
        if path:
            yield f"{labels.labels[rows[0]]} {each}", path


@dataclass(frozen=True)
class GroupFigures:
    """Figures of the objects of one group; None where no velocity is known."""

    n: int
    known: float  # share of velocities that are known; the other figures are of these
    velocity_error_mps_median: float | None = None
    velocity_error_mps_p90: float | None = None
    speed_error_mps_median: float | None = None
    inside_2_sigma: float | None = None  # share inside of the ellipse: 0.865 when calibrated


@dataclass(frozen=True)
class MemoryFigures:
    """Figures of one data set."""

    moving: dict[str, GroupFigures]  # by group, all of them first
    standing: dict[str, GroupFigures]  # the same of stationary objects
    clutter_wrong: float | None  # share of the cells of no object that are faster than `CLUTTER_MPS`
    update_ms: dict[str, float]  # median and p95
    cells: float  # mean of all scans

    def as_json(self) -> dict[str, Any]:
        """One table; figures of groups that are not known are left out."""
        table = asdict(self)
        for state in ("moving", "standing"):
            table[state] = {
                group: {name: value for name, value in row.items() if value is not None}
                for group, row in table[state].items()
            }
        return table


def figures(errors: VelocityErrors) -> MemoryFigures:
    """Errors of moving and of stationary objects by group, calibration of the covariances, and time of an update."""
    speeds = np.linalg.norm(np.array(errors.truths).reshape(-1, 2), axis=1)
    return MemoryFigures(
        _of_groups(errors, speeds > MOVING_MPS),
        _of_groups(errors, speeds <= MOVING_MPS),
        float(np.mean(errors.clutter)) if errors.clutter else None,
        {"median": 1e3 * float(np.median(errors.seconds)), "p95": 1e3 * _quantile(errors.seconds, 0.95)},
        float(np.mean(errors.cells)),
    )


def _of_groups(errors: VelocityErrors, chosen: Flags) -> dict[str, GroupFigures]:
    """Figures of the entries that are `chosen` (N,), of all together and by group."""
    keys = np.array(errors.keys)
    groups = {"all": chosen} | {key: chosen & (keys == key) for key in sorted(set(errors.keys))}
    return {name: _of_group(errors, rows) for name, rows in groups.items() if rows.any()}


def _of_group(errors: VelocityErrors, rows: Flags) -> GroupFigures:
    off, truths = (np.array(each).reshape(-1, 2)[rows] for each in (errors.errors, errors.truths))
    distances = np.linalg.norm(off, axis=1)
    speed_errors = np.abs(np.linalg.norm(off + truths, axis=1) - np.linalg.norm(truths, axis=1))
    known = np.isfinite(distances)
    if not known.any():
        return GroupFigures(len(distances), 0.0)
    return GroupFigures(
        len(distances),
        float(known.mean()),
        float(np.median(distances[known])),
        _quantile(distances[known], 0.9),
        float(np.median(speed_errors[known])),
        float((np.array(errors.squared)[rows][known] < 4.0).mean()),
    )


def _quantile(values: Array | list[float], share: float) -> float:
    return float(np.quantile(values, share))
