"""Simulated traffic as a KITTI tracking directory: labels, calibration, poses and detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from isometry.arrays import Array, Index, Integers
from isometry.datasets.kitti.calibration import IMAGE_SIZE, R_CAMERA_AHEAD, KittiCalibration
from isometry.datasets.kitti.tracking import DETECTED
from isometry.geometry import planar, se3
from isometry.simulation.traffic.traffic import Traffic

SENSOR_M = 1.73  # above the ground
MAX_RANGE_M = 70.0
PROJECTION = np.array([[720.0, 0.0, 610.0, 0.0], [0.0, 720.0, 173.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
CALIBRATION = KittiCalibration(PROJECTION, se3.from_rotation_translation(R_CAMERA_AHEAD, np.zeros(3)))
# Standard deviations of a detection's x, y, z, length, width, height (metres) and yaw (radians)
NOISE = np.array([0.12, 0.12, 0.05, 0.15, 0.05, 0.05, 0.05])
CLASS_NUMBERS = {label: number for number, label in DETECTED.items()}


@dataclass(frozen=True)
class Detector:
    """Errors of a simulated detector."""

    missed: float = 0.08  # share of the objects
    false_alarms: float = 0.3  # mean number in a frame
    noise: float = 1.0  # factor of `NOISE`


def write_tracking_drive(
    root: Path, traffic: Traffic, seed: int, sequence: str = "0000", detector: Detector | None = None
) -> None:
    """Write one sequence into ROOT/training, its poses into ROOT/poses, the detections under the name `simulated`.

    LiDAR and camera share one position and are level. Objects are labelled when they are in the image and not fully
    occluded.
    """
    random, detector = np.random.default_rng(seed), detector or Detector()
    training = root / "training"
    labels: list[str] = []
    found: dict[str, list[str]] = {label: [] for label in DETECTED.values()}
    for frame, (boxes, pose) in enumerate(zip(traffic.boxes, traffic.ego_poses, strict=True)):
        present = np.flatnonzero(np.isfinite(boxes[:, 0]))
        visible = _visible(_in_lidar(boxes[present], pose))
        for box, image_box, row, truncation, occlusion in zip(
            visible.boxes,
            visible.image_boxes,
            present[visible.rows],
            visible.truncation,
            visible.occlusion,
            strict=True,
        ):
            label = traffic.labels[row].capitalize()
            columns = _joined([*image_box, *_columns(box)], " ")
            labels.append(f"{frame} {row} {label} {truncation} {occlusion} -10 {columns}")
            if random.random() > detector.missed:
                noisy = box + detector.noise * NOISE * random.normal(size=7)
                found[label].append(_detection(frame, label, noisy, _score(0.5 * random.normal() + 0.8)))
        for _ in range(random.poisson(detector.false_alarms)):
            label = str(random.choice(list(found)))
            centre = [random.uniform(5.0, MAX_RANGE_M), random.uniform(-10.0, 10.0), 0.9 - SENSOR_M]
            box = np.array([*centre, 3.0, 1.2, 1.6, 0.0])
            found[label].append(_detection(frame, label, box, _score(0.5 * random.normal())))
    T = CALIBRATION.T_camera_lidar[:3].ravel()
    _write(
        training / f"calib/{sequence}.txt",
        [f"P2: {_joined(PROJECTION.ravel(), ' ')}", "R_rect 1 0 0 0 1 0 0 0 1", f"Tr_velo_cam {_joined(T, ' ')}"],
    )
    _write(training / f"label_02/{sequence}.txt", labels)
    for label, lines in found.items():
        _write(training / f"detections/simulated_{label}/{sequence}.txt", lines)
    poses = [se3.from_planar(*pose)[:3].ravel() for pose in traffic.ego_poses]
    _write(root / f"poses/{sequence}.txt", [_joined(pose, " ") for pose in poses])


@dataclass(frozen=True)
class _Visible:
    """The N objects of a frame that get a label."""

    boxes: Array  # (N,7) in the LiDAR frame
    rows: Index  # (N,) among all objects
    image_boxes: Array  # (N,4)
    truncation: Integers  # (N,) 0 to 2, as KITTI counts it
    occlusion: Integers  # (N,) 0 to 2, as KITTI counts it


def _in_lidar(boxes: Array, pose: Array) -> Array:
    """Boxes (N,7) of the world in the LiDAR frame of a vehicle at a pose (3,)."""
    turned = boxes.copy()
    turned[:, :2] = (boxes[:, :2] - pose[:2]) @ planar.rotations(pose[2])
    turned[:, 2] -= SENSOR_M
    turned[:, 6] = planar.wrapped(boxes[:, 6] - pose[2])
    return turned


def _visible(boxes: Array) -> _Visible:
    """Which of the boxes (N,7) of the LiDAR frame the image shows."""
    image_boxes, uncut_boxes = CALIBRATION.project(boxes), CALIBRATION.project(boxes, 1e6 * IMAGE_SIZE)
    area, uncut_area = _areas(image_boxes), _areas(uncut_boxes)
    distance = np.hypot(boxes[:, 0], boxes[:, 1])
    hidden = np.zeros(len(boxes))  # share of the area behind one nearer object
    for k in range(len(boxes)):
        nearer = image_boxes[distance < distance[k] - 1.0]
        low, high = np.maximum(nearer[:, :2], image_boxes[k, :2]), np.minimum(nearer[:, 2:], image_boxes[k, 2:])
        hidden[k] = _areas(np.hstack([low, np.maximum(high, low)])).max(initial=0.0) / max(area[k], 1e-9)
    rows = np.flatnonzero((area > 0.0) & (distance < MAX_RANGE_M) & (hidden < 0.95))
    truncation = np.digitize(1.0 - area[rows] / uncut_area[rows], [0.1, 0.5])
    return _Visible(boxes[rows], rows, image_boxes[rows], truncation, np.digitize(hidden[rows], [0.25, 0.7]))


def _areas(image_boxes: Array) -> Array:
    areas: Array = np.nan_to_num(np.prod(image_boxes[:, 2:] - image_boxes[:, :2], axis=1))
    return areas


def _columns(box: Array) -> list[float]:
    """A box (7,) in KITTI's columns: height, width, length, bottom centre in the camera frame, rotation about y."""
    x, y, z, length, width, height, yaw = CALIBRATION.ahead(box[None])[0]
    return [height, width, length, -y, -(z - 0.5 * height), x, float(planar.wrapped(-yaw - 0.5 * np.pi))]


def _score(evidence: float) -> float:
    """A score from 0 to 1: about 0.77 of an object, and 0.12 of a false alarm."""
    return float(expit(4.0 * evidence - 2.0))


def _detection(frame: int, label: str, box: Array, score: float) -> str:
    image_box = np.nan_to_num(CALIBRATION.project(box[None])[0])
    return f"{frame},{CLASS_NUMBERS[label]},{_joined([*image_box, score, *_columns(box)], ',')},-10"


def _joined(values: Sequence[float] | Array, separator: str) -> str:
    return separator.join(f"{value:.9g}" for value in values)


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
