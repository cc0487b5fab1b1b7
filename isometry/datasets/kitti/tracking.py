"""Reader of KITTI tracking directories: labels, calibration, scans, and detections in the format of AB3DMOT.

ROOT/{label_02,calib,velodyne,detections/NAME}/NNNN, where ROOT may also be the folder above `training`.
Sources: Geiger et al., "Are we ready for autonomous driving? The KITTI vision benchmark suite", CVPR 2012, with the
readme of its tracking development kit; Weng et al., "3D multi-object tracking: a baseline and new evaluation metrics",
IROS 2020, for the detections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Integers
from isometry.datasets.errors import DatasetError, read_text
from isometry.datasets.kitti.scans import read_scan, scan_paths
from isometry.geometry import planar, se3
from isometry.geometry.boxes import moved

RATE_HZ = 10.0
DONT_CARE = "DontCare"
DETECTED = {1: "Pedestrian", 2: "Car", 3: "Cyclist"}  # how AB3DMOT numbers the classes
LABEL_COLUMNS, DETECTION_COLUMNS = 17, 15
IMAGE_SIZE = np.array([1242.0, 375.0])  # of most drives; each image is cut by itself, by some pixels

# The axes of a KITTI camera (x right, y down, z ahead) from axes with x ahead, y left, z up.
R_CAMERA_AHEAD = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class KittiObjects:
    """Objects of a sequence, labelled or detected, a row for each object in each frame that shows it. N rows."""

    frames: Integers  # (N,)
    labels: tuple[str, ...]  # (N,) classes as KITTI writes them
    boxes: Array  # (N,7) x, y, z of the centre, length, width, height, yaw in the LiDAR frame; NaN for areas of no care
    image_boxes: Array  # (N,4) left, top, right, bottom in pixels of image 2
    ids: Integers  # (N,) of the labelled object, -1 where there is none
    truncation: Integers  # (N,) 0 whole, 1 partly, 2 largely outside of the image; -1 not known
    occlusion: Integers  # (N,) 0 visible, 1 partly, 2 largely hidden, 3 unknown; -1 not known
    scores: Array  # (N,) of detections; NaN for labels

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: NDArray[np.bool_]) -> KittiObjects:
        """Only those rows (N,) that are True."""
        return KittiObjects(
            self.frames[rows],
            tuple(label for label, row in zip(self.labels, rows, strict=True) if row),
            self.boxes[rows],
            self.image_boxes[rows],
            self.ids[rows],
            self.truncation[rows],
            self.occlusion[rows],
            self.scores[rows],
        )

    def of_frame(self, frame: int) -> KittiObjects:
        """Only the objects of one frame."""
        return self.chosen(self.frames == frame)


@dataclass(frozen=True)
class KittiCalibration:
    """How a scan lies before the cameras."""

    projection: Array  # (3,4) pixels of image 2 from the rectified camera frame, x right, y down, z ahead
    T_camera_lidar: Array  # (4,4) into the rectified camera frame

    @property
    def T_ahead_lidar(self) -> Array:
        """(4,4) Into the frame at the camera whose x axis is ahead, y left and z up: labels stand upright in it."""
        return se3.from_rotation_translation(R_CAMERA_AHEAD.T, np.zeros(3)) @ self.T_camera_lidar

    def ahead(self, boxes: Array) -> Array:
        """Boxes (N,7) of the LiDAR frame in the frame at the camera with z up, in which KITTI compares boxes."""
        return moved(self.T_ahead_lidar, boxes, se3.yaw(self.T_ahead_lidar))

    def lidar(self, boxes: Array) -> Array:
        """Boxes (N,7) of the frame at the camera with z up in the LiDAR frame; the exact inverse of `ahead`."""
        return moved(se3.inverse(self.T_ahead_lidar), boxes, -se3.yaw(self.T_ahead_lidar))

    def project(self, boxes: Array, image_size: Array = IMAGE_SIZE) -> Array:
        """What boxes (N,7) of the LiDAR frame cover in image 2: left, top, right, bottom (N,4), cut at its rim.

        NaN for boxes that have a corner behind the camera's plane.
        """
        ahead = self.ahead(boxes)
        signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        corners = signs * ahead[:, None, 3:6]
        corners[..., :2] = corners[..., :2] @ np.swapaxes(planar.rotations(ahead[:, 6]), -1, -2)
        in_camera = (corners + ahead[:, None, :3]) @ R_CAMERA_AHEAD.T
        pixels = in_camera @ self.projection[:, :3].T + self.projection[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = np.where((pixels[..., 2:] > 0.1).all(axis=1, keepdims=True), pixels, np.nan)
            pixels = np.clip(pixels[..., :2] / pixels[..., 2:], 0.0, image_size - 1.0)
        return np.hstack([pixels.min(axis=1), pixels.max(axis=1)])


class KittiTracking:
    """One sequence. Its calibration is read at once, the rest when asked for."""

    def __init__(self, root: Path, sequence: str) -> None:
        """`sequence` may be written 0 or 0000. Raises DatasetError naming what is missing or cannot be used."""
        self.root = _training_folder(Path(root))
        self.sequence = sequence_name(sequence)
        self.calibration = read_calibration(self.root / "calib" / f"{self.sequence}.txt")

    @cached_property
    def labels(self) -> KittiObjects:
        """What is labelled, `DontCare` areas among it. Raises DatasetError naming the file and the line."""
        return _read_labels(self.root / "label_02" / f"{self.sequence}.txt", self.calibration)

    @property
    def frame_count(self) -> int:
        """Frames from the first one of the drive to the last one with a label or a scan."""
        last_scan = int(self.scan_files[-1].stem) if self.has_scans else -1
        return 1 + max(int(self.labels.frames.max(initial=-1)), last_scan)

    def detections(self, name: str) -> KittiObjects:
        """What a detector found; `name` as `detection_folders` takes it."""
        folders = detection_folders(self.root, name)
        return _joined([_read_detections(each / f"{self.sequence}.txt", self.calibration) for each in folders])

    @property
    def has_scans(self) -> bool:
        """Whether the scans of the sequence are there."""
        return any((self.root / "velodyne" / self.sequence).glob("*.bin"))

    @cached_property
    def scan_files(self) -> list[Path]:
        """Files of the scans in the order of their frame numbers. Raises DatasetError where there are none."""
        return scan_paths(self.root / "velodyne" / self.sequence)

    def scan(self, k: int) -> NDArray[np.float32]:
        """Points (M,4) of the k-th scan that is there: x, y, z in metres, reflectance."""
        return read_scan(self.scan_files[k])

    def image_size(self, *others: KittiObjects) -> Array:
        """Width and height (2,) in pixels, as far as the image boxes of labels and `others` reach: no image is read."""
        reach = np.vstack([each.image_boxes[:, 2:] for each in (self.labels, *others)] or [np.zeros((0, 2))])
        return 1.0 + reach.max(axis=0) if len(reach) else IMAGE_SIZE


def sequence_name(text: str) -> str:
    """Four digits of a sequence written as 0, 00 or 0000. Raises DatasetError for what is no number."""
    if not text.strip().isdecimal():
        raise DatasetError(f"{text!r} is no sequence of KITTI tracking, such as 0 or 0000")
    return f"{int(text):04d}"


def labelled_sequences(root: Path, detections: str | None) -> list[str]:
    """Names of the sequences that have labels, and detections of that name, or scans where None is given.

    Raises DatasetError when there are none.
    """
    home = _training_folder(Path(root))
    given = [home / "velodyne"] if detections is None else detection_folders(root, detections)
    names = {path.stem for folder in given for path in folder.glob("[0-9]*")}
    found = sorted(path.stem for path in (home / "label_02").glob("[0-9]*.txt") if path.stem in names)
    if not found:
        raise DatasetError(f"{home}: no sequence with labels and {'scans' if detections is None else detections}")
    return found


def detection_folders(root: Path, name: str) -> list[Path]:
    """Folders of detections that a name means: the folder of that name, or one NAME_CLASS... for each class.

    Raises DatasetError naming what is there when there is none, or when two are there for one class.
    """
    home = _training_folder(Path(root)) / "detections"
    if (home / name).is_dir():
        return [home / name]
    folders: list[Path] = []
    for label in DETECTED.values():
        found = sorted(each for each in home.glob(f"{name}_{label}*") if each.is_dir())
        if len(found) > 1:
            names = ", ".join(each.name for each in found)
            raise DatasetError(f"{home}: {name!r} could be any of {names}; name one of them")
        folders += found
    if not folders:
        there = ", ".join(sorted(each.name for each in home.glob("*"))) if home.is_dir() else "no such directory"
        raise DatasetError(f"{home}: no detections {name!r} (there: {there})")
    return folders


def read_calibration(path: Path) -> KittiCalibration:
    """Calibration of a sequence, in either spelling of KITTI (R_rect or R0_rect, Tr_velo_cam or Tr_velo_to_cam)."""
    entries = dict(line.replace(":", " ", 1).split(maxsplit=1) for line in read_text(path).splitlines() if line.strip())

    def matrix(columns: int, *names: str) -> Array:
        name = next((each for each in names if each in entries), None)
        if name is None:
            raise DatasetError(f"{path}: no {' or '.join(names)}")
        try:
            values = np.array([float(value) for value in entries[name].split()])
        except ValueError:
            values = np.zeros(0)
        if len(values) != 3 * columns or not np.isfinite(values).all():
            raise DatasetError(f"{path}: {name} must be {3 * columns} numbers")
        return values.reshape(3, columns)

    rectification = se3.from_rotation_translation(matrix(3, "R0_rect", "R_rect"), np.zeros(3))
    T_camera_lidar = np.vstack([matrix(4, "Tr_velo_to_cam", "Tr_velo_cam"), [0.0, 0.0, 0.0, 1.0]])
    return KittiCalibration(matrix(4, "P2"), rectification @ T_camera_lidar)


def _training_folder(root: Path) -> Path:
    """The folder that holds `calib`: the one that was named, or `training` in it."""
    for folder in (root, root / "training"):
        if (folder / "calib").is_dir():
            return folder
    raise DatasetError(f"{root}: no calib folder in it or in {root / 'training'}: not a KITTI tracking directory")


def _read_labels(path: Path, calibration: KittiCalibration) -> KittiObjects:
    rows, labels = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) < LABEL_COLUMNS:
            raise DatasetError(f"{path}: line {number} has {len(words)} columns where a label has {LABEL_COLUMNS}")
        labels.append(words.pop(2))
        rows.append(_numbers(words[: LABEL_COLUMNS - 1], path, number))
    values = np.array(rows).reshape(-1, LABEL_COLUMNS - 1)
    whole = values[:, :4].astype(np.int64)
    boxes = _boxes(values[:, 9:12], values[:, 12:15], values[:, 15], calibration)
    boxes[np.array(labels, dtype=object) == DONT_CARE] = np.nan
    return KittiObjects(
        whole[:, 0],
        tuple(labels),
        boxes,
        values[:, 5:9],
        whole[:, 1],
        whole[:, 2],
        whole[:, 3],
        np.full(len(values), np.nan),
    )


def _read_detections(path: Path, calibration: KittiCalibration) -> KittiObjects:
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = [word.strip() for word in line.split(",")]
        if words == [""]:
            continue
        if len(words) != DETECTION_COLUMNS:
            raise DatasetError(
                f"{path}: line {number} has {len(words)} columns where a detection has {DETECTION_COLUMNS}"
            )
        rows.append(_numbers(words, path, number))
        if rows[-1][1] not in DETECTED:
            raise DatasetError(f"{path}: line {number} is of class {words[1]}, which is none of {sorted(DETECTED)}")
    values = np.array(rows).reshape(-1, DETECTION_COLUMNS)
    unknown = np.full(len(values), -1)
    return KittiObjects(
        values[:, 0].astype(np.int64),
        tuple(DETECTED[int(kind)] for kind in values[:, 1]),
        _boxes(values[:, 7:10], values[:, 10:13], values[:, 13], calibration),
        values[:, 2:6],
        unknown,
        unknown,
        unknown,
        values[:, 6],
    )


def _numbers(words: list[str], path: Path, number: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        raise DatasetError(f"{path}: line {number} has a value that is not a finite number")
    return values


def _boxes(sizes: Array, bottoms: Array, rotations_y: Array, calibration: KittiCalibration) -> Array:
    """Boxes (N,7) of heights, widths, lengths (N,3), centres of their bottoms (N,3) and turns about y, as KITTI has."""
    centres = bottoms @ R_CAMERA_AHEAD
    centres[:, 2] += 0.5 * sizes[:, 0]
    yaws = planar.wrapped(-rotations_y - 0.5 * np.pi)
    return calibration.lidar(np.column_stack([centres, sizes[:, ::-1], yaws]))


def _joined(parts: list[KittiObjects]) -> KittiObjects:
    """All rows together, in the order of their frames."""
    order = np.argsort(np.concatenate([part.frames for part in parts]), kind="stable")
    labels = [label for part in parts for label in part.labels]
    columns = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("boxes", "image_boxes", "ids", "truncation", "occlusion", "scores")
    )
    return KittiObjects(
        np.concatenate([part.frames for part in parts])[order], tuple(labels[k] for k in order), *columns
    )
