"""How well the flow-equivariant memory knows velocities: on simulated drives, and on a labelled recording."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ, ScanSequence
from isometry.datasets.kitti.tracking import DONT_CARE, KittiTracking
from isometry.geometry import se3
from isometry.geometry.boxes import moved
from isometry.sensing.ground_surface import above_ground
from isometry.simulation.traffic.scans import TrafficDrive
from isometry.tracking.memory.flow_memory import FlowMemory

SETTLED_S = 1.0  # of a drive before anything is judged
OBJECT_S = 0.6  # an object must have been there for so long
LEAST_POINTS = 10  # on an object
MOVING_MPS = 1.0  # slower objects stand
REACH_M = 38.0  # objects further away are left to the rim of the window
LABEL_S = 0.5  # before and after, between which the velocity of a label is measured
CLUTTER_MPS = 1.5  # a cell of what stands for good is wrong when its mean velocity is more


@dataclass
class Outcomes:
    """What was found, one entry for each object in each scan."""

    keys: list[str] = field(default_factory=list)  # what the object is
    errors: list[Array] = field(default_factory=list)  # (2,) metres a second; NaN: not known
    truths: list[Array] = field(default_factory=list)  # (2,)
    misfits: list[float] = field(default_factory=list)  # squared Mahalanobis distances
    clutter: list[float] = field(default_factory=list)  # shares of wrong cells, one for each scan
    seconds: list[float] = field(default_factory=list)  # of each update
    cells: list[int] = field(default_factory=list)  # of each scan

    def add(self, memory: FlowMemory, keys: Iterable[str], boxes: Array, truths: Array) -> None:
        """Ask for the velocities of boxes (N,7) whose velocities (N,2) are known."""
        velocities, covariances = memory.velocities(boxes)
        for key, velocity, covariance, truth in zip(keys, velocities, covariances, truths, strict=True):
            error = velocity - truth
            known = bool(np.isfinite(error).all())
            self.keys.append(key)
            self.errors.append(error)
            self.truths.append(truth)
            self.misfits.append(float(error @ np.linalg.solve(covariance, error)) if known else np.nan)

    def timed_update(self, memory: FlowMemory, points: NDArray[np.floating], pose: Array, stamp_ns: int) -> None:
        """An update of the memory, whose processor time is kept."""
        began = time.process_time()
        memory.update(points, pose, stamp_ns)
        self.seconds.append(time.process_time() - began)
        self.cells.append(0 if memory.newest is None else len(memory.newest.cells))


def judge_drives(memory: FlowMemory, drives: Iterable[TrafficDrive]) -> Outcomes:
    """Velocities of the true boxes of simulated drives, and the cells of what stands for good."""
    outcomes = Outcomes()
    for drive in drives:
        memory.reset()
        boxes, times_s = drive.traffic.boxes, drive.traffic.times_s
        first = int(np.ceil(OBJECT_S / times_s[1]))
        for k, scan in enumerate(drive.scans):
            outcomes.timed_update(memory, scan.points, scan.T_world_lidar, round(times_s[k] * 1e9))
            step = memory.newest
            if times_s[k] < SETTLED_S or step is None or np.isnan(step.step_s):
                continue
            before = int(np.abs(times_s - (times_s[k] - step.step_s)).argmin())
            seen, points = np.unique(scan.objects[scan.objects >= 0], return_counts=True)
            there = np.isfinite(boxes[k - first : k + 1, seen, 0]).all(axis=0)
            near = np.linalg.norm(boxes[k, seen, :2] - scan.T_world_lidar[:2, 3], axis=1) < REACH_M
            asked = seen[there & near & (points >= LEAST_POINTS)]
            truths = (boxes[k, asked, :2] - boxes[before, asked, :2]) / step.step_s
            outcomes.add(memory, [drive.traffic.labels[each] for each in asked], boxes[k, asked], truths)
            still = np.ones(len(step.cells), bool)
            of_objects = step.cells.of_points[scan.objects >= 0]
            still[of_objects[of_objects >= 0]] = False
            if still.any():
                speeds = np.linalg.norm(memory.cell_velocities()[still], axis=1)
                outcomes.clutter.append(float((speeds > CLUTTER_MPS).mean()))
    return outcomes


def judge_recording(memory: FlowMemory, tracking: KittiTracking, scans: ScanSequence) -> Outcomes:
    """Velocities of the labelled boxes of a recording with poses; objects are told apart by class and number."""
    outcomes = Outcomes()
    memory.reset()
    paths = dict(_paths(tracking, scans))
    around = round(LABEL_S * RATE_HZ)
    for k, frame in enumerate(scans.frames.tolist()):
        points = above_ground(scans.scan(k)[:, :3])
        stamp_ns = round(frame / RATE_HZ * 1e9)
        outcomes.timed_update(memory, se3.apply(scans.poses[k], points.astype(np.float64)), scans.poses[k], stamp_ns)
        for key, path in paths.items():
            if frame in path and frame - around in path and frame + around in path:
                truth = (path[frame + around][:2] - path[frame - around][:2]) / (2.0 * LABEL_S)
                outcomes.add(memory, [key], path[frame][None], truth[None])
    return outcomes


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


def figures(outcomes: Outcomes) -> dict[str, object]:
    """Errors of moving and of standing objects, by kind; how well covariances tell them; time of an update."""
    keys = np.array(outcomes.keys)
    errors, truths = (np.array(each).reshape(-1, 2) for each in (outcomes.errors, outcomes.truths))
    speeds = np.linalg.norm(truths, axis=1)
    speed_errors = np.abs(np.linalg.norm(errors + truths, axis=1) - speeds)
    misfits = np.array(outcomes.misfits)
    told: dict[str, object] = {}
    for state, of_state in (("moving", speeds > MOVING_MPS), ("standing", speeds <= MOVING_MPS)):
        kinds = {"all": of_state} | {key: of_state & (keys == key) for key in sorted(set(outcomes.keys))}
        told[state] = {
            name: _spread(np.linalg.norm(errors[rows], axis=1), speed_errors[rows], misfits[rows])
            for name, rows in kinds.items()
            if rows.any()
        }
    return told | {
        "clutter_wrong": float(np.mean(outcomes.clutter)) if outcomes.clutter else None,
        "update_ms": {"median": 1e3 * float(np.median(outcomes.seconds)), "p95": 1e3 * _p(outcomes.seconds, 0.95)},
        "cells": float(np.mean(outcomes.cells)),
    }


def _spread(errors: Array, speed_errors: Array, misfits: Array) -> dict[str, float | int]:
    known = np.isfinite(errors)
    if not known.any():
        return {"n": len(errors), "known": 0.0}
    return {
        "n": len(errors),
        "known": float(known.mean()),
        "velocity_error_mps_median": float(np.median(errors[known])),
        "velocity_error_mps_p90": _p(errors[known], 0.9),
        "speed_error_mps_median": float(np.median(speed_errors[known])),
        "inside_2_sigma": float((misfits[known] < 4.0).mean()),  # of the ellipse: 0.865 when calibrated
    }


def _p(values: Array | list[float], share: float) -> float:
    return float(np.quantile(values, share))
