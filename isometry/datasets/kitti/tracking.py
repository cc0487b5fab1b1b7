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
from isometry.datasets.errors import DatasetError, naming, read_text
from isometry.datasets.kitti.calibration import IMAGE_SIZE, R_CAMERA_AHEAD, KittiCalibration, read_calibration
from isometry.datasets.kitti.scans import read_scan, scan_paths
from isometry.geometry import planar
from isometry.sensing.units import check_radians

DONT_CARE = "DontCare"
DETECTED = {1: "Pedestrian", 2: "Car", 3: "Cyclist"}  # how AB3DMOT numbers the classes
LABEL_COLUMNS, DETECTION_COLUMNS = 17, 15


@dataclass(frozen=True)
class KittiObjects:
    """Labelled or detected objects of a sequence: N rows, one for each object in each frame."""

    frames: Integers  # (N,)
    labels: tuple[str, ...]  # (N,) classes as KITTI writes them
    boxes: Array  # (N,7) x, y, z of the centre, length, width, height, yaw in the LiDAR frame; NaN for DontCare areas
    image_boxes: Array  # (N,4) left, top, right, bottom in pixels of image 2
    ids: Integers  # (N,) of labelled objects, -1 for others
    truncation: Integers  # (N,) 0 inside, 1 partly, 2 largely outside of the image; -1 unknown
    occlusion: Integers  # (N,) 0 visible, 1 partly, 2 largely hidden, 3 unknown; -1 for detections
    scores: Array  # (N,) of detections; NaN for labels

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: NDArray[np.bool_]) -> KittiObjects:
        """The rows whose flag (N,) is True."""
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
        """The objects of one frame."""
        return self.chosen(self.frames == frame)


class KittiTracking:
    """One sequence. Its calibration is read at once, everything else at its first use."""

    def __init__(self, root: Path, sequence: str) -> None:
        """`sequence` may be written 0 or 0000. Raises DatasetError naming what is missing or cannot be used."""
        self.root = _training_folder(Path(root))
        self.sequence = sequence_name(sequence)
        self.calibration = read_calibration(self.root / "calib" / f"{self.sequence}.txt")

    @cached_property
    def labels(self) -> KittiObjects:
        """All labels, with `DontCare` areas. Raises DatasetError naming the file and the line."""
        return _read_labels(self.root / "label_02" / f"{self.sequence}.txt", self.calibration)

    @property
    def frame_count(self) -> int:
        """Frames from the first one of the drive to the last one with a label or a scan."""
        last_scan = int(self.scan_files[-1].stem) if self.has_scans else -1
        return 1 + max(int(self.labels.frames.max(initial=-1)), last_scan)

    def detections(self, name: str) -> KittiObjects:
        """Detections of a detector; `name` as in `detection_folders`."""
        folders = detection_folders(self.root, name)
        return _joined([_read_detections(each / f"{self.sequence}.txt", self.calibration) for each in folders])

    @property
    def has_scans(self) -> bool:
        """Whether the sequence has scans."""
        return any((self.root / "velodyne" / self.sequence).glob("*.bin"))

    @cached_property
    def scan_files(self) -> list[Path]:
        """Files of the scans in the order of their frame numbers. Raises DatasetError where there are none."""
        return scan_paths(self.root / "velodyne" / self.sequence)

    def scan(self, k: int) -> NDArray[np.float32]:
        """Points (M,4) of the k-th of `scan_files`: x, y, z in metres, reflectance."""
        return read_scan(self.scan_files[k])

    def image_size(self, *others: KittiObjects) -> Array:
        """Width and height (2,) in pixels, estimated from the image boxes of labels and `others`: no image is read."""
        reach = np.vstack([each.image_boxes[:, 2:] for each in (self.labels, *others)] or [np.zeros((0, 2))])
        return 1.0 + reach.max(axis=0) if len(reach) else IMAGE_SIZE


def sequence_name(text: str) -> str:
    """The four digits of a sequence that is written as 0, 00 or 0000. Raises DatasetError when it is no number."""
    if not text.strip().isdecimal():
        raise DatasetError(f"{text!r} is no sequence of KITTI tracking, such as 0 or 0000")
    return f"{int(text):04d}"


def labelled_sequences(root: Path, detections: str | None) -> list[str]:
    """Names of the sequences with labels and with detections of that name, or, for None, with scans.

    Raises DatasetError when there are none.
    """
    home = _training_folder(Path(root))
    folders = [home / "velodyne"] if detections is None else detection_folders(root, detections)
    names = {path.stem for folder in folders for path in folder.glob("[0-9]*")}
    found = sorted(path.stem for path in (home / "label_02").glob("[0-9]*.txt") if path.stem in names)
    if not found:
        raise DatasetError(f"{home}: no sequence with labels and {'scans' if detections is None else detections}")
    return found


def detection_folders(root: Path, name: str) -> list[Path]:
    """The folder of detections of that name, or the folders NAME_CLASS..., one for each class.

    Raises DatasetError, which lists the folders, when there is none, or when a class has two.
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


def _training_folder(root: Path) -> Path:
    """The folder with `calib`: ROOT itself, or `training` in it."""
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
    unknown = np.array(labels, dtype=object) == DONT_CARE
    boxes[unknown] = np.nan
    with naming(path):
        check_radians(values[~unknown, 15])
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
    with naming(path):
        check_radians(values[:, 13])
    unknown = np.full(len(values), -1)
    return KittiObjects(
        values[:, 0].astype(np.int64),
        tuple(DETECTED[int(number)] for number in values[:, 1]),
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
    """Boxes (N,7) from KITTI's columns: height, width, length (N,3), bottom centre (N,3) and rotation about y (N,)."""
    centres = bottoms @ R_CAMERA_AHEAD
    centres[:, 2] += 0.5 * sizes[:, 0]
    yaws = planar.wrapped(-rotations_y - 0.5 * np.pi)
    return calibration.lidar(np.column_stack([centres, sizes[:, ::-1], yaws]))


def _joined(parts: list[KittiObjects]) -> KittiObjects:
    """All rows, in the order of their frames."""
    order = np.argsort(np.concatenate([part.frames for part in parts]), kind="stable")
    labels = [label for part in parts for label in part.labels]
    columns = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("boxes", "image_boxes", "ids", "truncation", "occlusion", "scores")
    )
    return KittiObjects(
        np.concatenate([part.frames for part in parts])[order], tuple(labels[k] for k in order), *columns
    )
