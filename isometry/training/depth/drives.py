"""Images of a drive without depth as training data: pairs, the flow between them, a first guess of their motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.depth_contract import placement
from isometry.depth_egomotion.frame import rectified
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.geometry import se3
from isometry.training.depth.augmentation import FORMAT, SHAPE, coloured, normalised
from isometry.training.depth.rooms import reduced, scaled

LEAST_MOTION_M = 0.1  # between the images of a pair
CONSISTENT = 1.0  # pixels that flow there and back may differ by


@dataclass(frozen=True, eq=False)
class Drive:
    """Pairs of images of one camera; the motion of each pair is known only roughly."""

    name: str
    images: NDArray[np.uint8]  # (N,H,W,3), as large as the network takes them
    matrix: Array  # (3,3) pixels
    pairs: NDArray[np.int64]  # (P,2) target and source
    flow: NDArray[np.float32]  # (P,H,W,2) pixels from the target to the source, NaN where it is not consistent
    T_source_target: Array  # (P,4,4) metres

    def __len__(self) -> int:
        return len(self.pairs)


class PairExample(NamedTuple):
    """A window of the target of one pair, and all of its source."""

    target: NDArray[np.float32]  # (3,h,w) normalised, the network's input
    source: NDArray[np.float32]  # (3,H,W) normalised
    flow: NDArray[np.float32]  # (h,w,2) pixels
    matrix: Array  # (3,3) of the window
    source_matrix: Array  # (3,3)


def drive_of(recording: CameraRecording, straight: bool = False) -> Drive:
    """The pairs of a recording in which the camera moves. Raises ValueError for one without poses.

    With `straight` the first guess is no turn, and straight on as fast as the recording is in the median.
    """
    poses = recording.T_world_colour
    if poses is None:
        raise ValueError(f"{recording.name}: no poses, which give the first guess of the motions")
    laid = placement(recording.camera.shape, FORMAT)
    scale = laid.content[0] / recording.camera.height
    ideal = (rectified(camera_frame(recording, k, with_depth=False)).colour for k in range(len(recording)))
    images = np.stack([reduced(colour, scale) for colour in ideal])
    pairs, flows, motions = [], [], []
    for target in range(len(recording)):
        for source in (target - 1, target + 1):
            if not 0 <= source < len(recording):
                continue
            T_source_target = se3.inverse(poses[source]) @ poses[target]
            if np.linalg.norm(T_source_target[:3, 3]) >= LEAST_MOTION_M:
                pairs.append((target, source))
                flows.append(consistent_flow(images[target], images[source]))
                motions.append(T_source_target)
    if not pairs:
        raise ValueError(f"{recording.name}: the camera does not move, {LEAST_MOTION_M} m from image to image at least")
    guesses = np.array(motions)
    if straight:
        step = np.median(np.linalg.norm(guesses[:, :3, 3], axis=1))
        ahead = np.sign([source - target for target, source in pairs])
        guesses = np.tile(np.eye(4), (len(pairs), 1, 1))
        guesses[:, 2, 3] = -step * ahead
    return Drive(
        recording.name, images, scaled(recording.camera.matrix, scale), np.array(pairs), np.array(flows), guesses
    )


def consistent_flow(target: NDArray[np.uint8], source: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flow (H,W,2) in pixels from target to source by DIS (Kroeger et al., 2016), NaN where the way back differs."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (target, source))
    unknown = np.zeros((*first.shape, 2), np.float32)
    forth = np.array(method.calc(first, second, unknown.copy()), np.float32)
    back = np.array(method.calc(second, first, unknown), np.float32)
    v, u = np.indices(first.shape, np.float32)
    returned = cv2.remap(back, u + forth[..., 0], v + forth[..., 1], cv2.INTER_LINEAR, borderValue=(1e3, 1e3))
    forth[np.linalg.norm(forth + returned, axis=2) > CONSISTENT] = np.nan
    return forth


def draw_pair(drive: Drive, pair: int, random: np.random.Generator) -> PairExample:
    """A window at a random place of the target, with other colours for both images."""
    target, source = (drive.images[k] for k in drive.pairs[pair])
    height, width = target.shape[:2]
    rows, columns = min(SHAPE[0], height), min(SHAPE[1] - FORMAT.margin, width)
    top, left = int(random.integers(height - rows + 1)), int(random.integers(width - columns + 1))
    window = slice(top, top + rows), slice(left, left + columns)
    corner = (SHAPE[0] - rows) // 2, (SHAPE[1] - columns) // 2
    inside = slice(corner[0], corner[0] + rows), slice(corner[1], corner[1] + columns)
    seed = int(random.integers(2**31))
    both = [normalised(coloured(image, np.random.default_rng(seed))) for image in (target, source)]
    laid, flow = np.zeros((3, *SHAPE), np.float32), np.full((*SHAPE, 2), np.nan, np.float32)
    laid[:, inside[0], inside[1]] = both[0][:, window[0], window[1]]
    flow[inside] = drive.flow[pair][window]
    matrix = drive.matrix.copy()
    matrix[:2, 2] += np.array([corner[1] - left, corner[0] - top])
    return PairExample(laid, both[1], flow, matrix, drive.matrix)
