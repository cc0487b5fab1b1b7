"""Simulated traffic written as a KITTI tracking directory: labels, calibration, poses, and what a detector may say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.kitti.tracking import DETECTED, IMAGE_SIZE, R_CAMERA_AHEAD, KittiCalibration
from isometry.geometry import planar, se3
from isometry.simulation.traffic.traffic import Traffic

SENSOR_M = 1.73  # above the ground
FURTHEST_M = 70.0
PROJECTION = np.array([[720.0, 0.0, 610.0, 0.0], [0.0, 720.0, 173.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
CALIBRATION = KittiCalibration(PROJECTION, se3.from_rotation_translation(R_CAMERA_AHEAD, np.zeros(3)))
NOISE = np.array([0.12, 0.12, 0.05, 0.15, 0.05, 0.05, 0.05])  # of a detection, as of a box
NUMBERS = {label.lower(): number for number, label in DETECTED.items()}


@dataclass(frozen=True)
class Detector:
    """How a simulated detector errs."""

    missed: float = 0.08  # share of the objects
    false_alarms: float = 0.3  # a frame
    noise: float = 1.0  # times `NOISE`


def write_tracking_drive(
    root: Path, traffic: Traffic, seed: int, sequence: str = "0000", detector: Detector | None = None
) -> None:
    """Write one sequence into ROOT/training, its poses into ROOT/poses, the detections under the name `simulated`.

    The LiDAR and the camera are in one place, and level. Labels are of what is in the image and not hidden altogether.
    """
    random, errs = np.random.default_rng(seed), detector or Detector()
    training = root / "training"
    labels: list[str] = []
    found: dict[str, list[str]] = {label: [] for label in DETECTED.values()}
    for frame, (boxes, pose) in enumerate(zip(traffic.boxes, traffic.own_poses, strict=True)):
        there = np.flatnonzero(np.isfinite(boxes[:, 0]))
        inside, image_boxes, cut, hidden = _in_image(_seen(boxes[there], pose))
        for box, pixels, row, truncation, occlusion in zip(
            inside.boxes, image_boxes, there[inside.rows], cut, hidden, strict=True
        ):
            label = traffic.labels[row].capitalize()
            labels.append(
                f"{frame} {row} {label} {truncation} {occlusion} -10 {_joined([*pixels, *_columns(box)], ' ')}"
            )
            if random.random() > errs.missed:
                noisy = box + errs.noise * NOISE * random.normal(size=7)
                found[label].append(_detection(frame, label, noisy, 0.5 * random.normal() + 0.8))
        for _ in range(random.poisson(errs.false_alarms)):
            label = str(random.choice(list(found)))
            place = [random.uniform(5.0, FURTHEST_M), random.uniform(-10.0, 10.0), 0.9 - SENSOR_M]
            found[label].append(_detection(frame, label, np.array([*place, 3.0, 1.2, 1.6, 0.0]), 0.5 * random.normal()))
    T = CALIBRATION.T_camera_lidar[:3].ravel()
    _write(
        training / f"calib/{sequence}.txt",
        [f"P2: {_joined(PROJECTION.ravel(), ' ')}", "R_rect 1 0 0 0 1 0 0 0 1", f"Tr_velo_cam {_joined(T, ' ')}"],
    )
    _write(training / f"label_02/{sequence}.txt", labels)
    for label, lines in found.items():
        _write(training / f"detections/simulated_{label}/{sequence}.txt", lines)
    poses = [se3.from_planar(*pose)[:3].ravel() for pose in traffic.own_poses]
    _write(root / f"poses/{sequence}.txt", [_joined(pose, " ") for pose in poses])


@dataclass(frozen=True)
class _Inside:
    boxes: Array  # (N,7) in the LiDAR frame
    rows: NDArray[np.intp]  # (N,) of those that were given


def _seen(boxes: Array, pose: Array) -> Array:
    """Boxes (N,7) of the world in the LiDAR frame of a vehicle at a pose (3,)."""
    seen = boxes.copy()
    seen[:, :2] = (boxes[:, :2] - pose[:2]) @ planar.rotations(pose[2])
    seen[:, 2] -= SENSOR_M
    seen[:, 6] = planar.wrapped(boxes[:, 6] - pose[2])
    return seen


def _in_image(boxes: Array) -> tuple[_Inside, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Those that the image shows, their image boxes (N,4), how far it cuts them, and how far nearer ones hide them."""
    image_boxes, whole = CALIBRATION.project(boxes), CALIBRATION.project(boxes, 1e6 * IMAGE_SIZE)
    area, uncut = _areas(image_boxes), _areas(whole)
    distance = np.hypot(boxes[:, 0], boxes[:, 1])
    hidden = np.zeros(len(boxes))
    for k in range(len(boxes)):
        nearer = image_boxes[distance < distance[k] - 1.0]
        low, high = np.maximum(nearer[:, :2], image_boxes[k, :2]), np.minimum(nearer[:, 2:], image_boxes[k, 2:])
        hidden[k] = _areas(np.hstack([low, np.maximum(high, low)])).max(initial=0.0) / max(area[k], 1e-9)
    rows = np.flatnonzero((area > 0.0) & (distance < FURTHEST_M) & (hidden < 0.95))
    cut = np.digitize(1.0 - area[rows] / uncut[rows], [0.1, 0.5])
    return _Inside(boxes[rows], rows), image_boxes[rows], cut, np.digitize(hidden[rows], [0.25, 0.7])


def _areas(image_boxes: Array) -> Array:
    areas: Array = np.nan_to_num(np.prod(image_boxes[:, 2:] - image_boxes[:, :2], axis=1))
    return areas


def _columns(box: Array) -> list[float]:
    """Height, width, length, the place of the bottom in the camera frame, and the turn about y: as KITTI has a box."""
    x, y, z, length, width, height, yaw = CALIBRATION.ahead(box[None])[0]
    return [height, width, length, -y, -(z - 0.5 * height), x, float(planar.wrapped(-yaw - 0.5 * np.pi))]


def _detection(frame: int, label: str, box: Array, score: float) -> str:
    pixels = np.nan_to_num(CALIBRATION.project(box[None])[0])
    return f"{frame},{NUMBERS[label.lower()]},{_joined([*pixels, score, *_columns(box)], ',')},-10"


def _joined(values: Sequence[float] | Array, between: str) -> str:
    return between.join(f"{value:.9g}" for value in values)


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
