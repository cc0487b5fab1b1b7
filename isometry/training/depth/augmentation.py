"""One frame of a room as the network sees it: from a camera turned on the spot, with another zoom and other colours.

A turn of a camera on the spot moves its pixels by a homography, whatever their depth is (Hartley and Zisserman,
"Multiple View Geometry", 8.4.2), and changes depth along the axis in closed form: it makes a true image of a camera
that rolls or pitches.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.depth_contract import DepthModelFormat, placement
from isometry.models.depth_network import FOCAL, MULTIPLE
from isometry.sensing.normals import normals
from isometry.training.depth.recipe import DepthTrainingParameters
from isometry.training.depth.rooms import Room, reduced

FORMAT = DepthModelFormat(
    output="focal_normalised",
    focal=FOCAL,
    short_side=180,
    multiple=MULTIPLE,
    margin=12,
    mean=(0.45, 0.43, 0.40),
    deviation=(0.26, 0.25, 0.25),
)
SHAPE = (192, 256)  # rows and columns of the input in training
MEAN_COLOUR = tuple(round(255.0 * value) for value in FORMAT.mean)  # where nothing is seen


class Example(NamedTuple):
    """What the network gets and what it should answer."""

    image: NDArray[np.float32]  # (3,H,W) normalised
    depth: NDArray[np.float32]  # (H,W) metres of the canonical camera; 0 where it is not known
    normals: NDArray[np.float32]  # (3,H,W); 0 where they are not known


def draw(room: Room, k: int, parameters: DepthTrainingParameters, random: np.random.Generator) -> Example:
    """A frame of a room, changed at random, in some cases not at all but for its colours and a mirror."""
    image, depth, matrix = room.images[k], room.depth[k], room.matrix
    if random.random() < 0.5:
        image, depth, matrix = mirrored(image, depth, matrix)
    turn, zoom = np.eye(3), 1.0
    if random.random() >= parameters.unturned:
        deviations = np.radians([parameters.tilt_deg, parameters.tilt_deg, parameters.roll_deg])
        turn = Rotation.from_rotvec(random.normal(0.0, deviations)).as_matrix()
        zoom = float(np.exp(random.uniform(-0.15, 0.35)))
    return turned(coloured(image, random), depth, matrix, turn, zoom)


def turned(
    image: NDArray[np.uint8], depth: NDArray[np.float32], matrix: Array, R_source_target: Array, zoom: float
) -> Example:
    """The example of a camera turned by `R_source_target` (3,3) whose focal length is `zoom` times as long."""
    shape = image.shape[0], image.shape[1]
    laid = placement(shape, FORMAT)
    scale = zoom * laid.content[0] / shape[0]
    target = np.diag([scale, scale, 1.0]) @ matrix
    target[:2, 2] = (np.array([SHAPE[1], SHAPE[0]]) - 1.0) / 2.0 + scale * (
        matrix[:2, 2] - (np.array([shape[1], shape[0]]) - 1.0) / 2.0
    )
    rays = np.stack([*np.mgrid[: SHAPE[0], : SHAPE[1]][::-1], np.ones(SHAPE)], axis=2) @ np.linalg.inv(target).T
    seen = rays @ R_source_target.T @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.where(seen[..., 2:] > 1e-3, seen[..., :2] / seen[..., 2:], -1e4).astype(np.float32)
    finer = min(1.0, scale + 0.05)  # of an image that is reduced first, so that no fine pattern becomes a coarse one
    smooth = reduced(image, finer)
    u, v = np.moveaxis(np.float32(finer) * (at + np.float32(0.5)) - np.float32(0.5), 2, 0)
    colours = cv2.remap(smooth, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=MEAN_COLOUR)
    measured = cv2.remap(depth, at[..., 0], at[..., 1], cv2.INTER_NEAREST)
    # a point of depth z in the old camera is at z * ray / (ray's depth there), whose depth along the new axis is
    along = np.divide(1.0, seen[..., 2], out=np.zeros(SHAPE), where=seen[..., 2] > 1e-3)
    moved = np.asarray(measured * along, np.float32)
    canonical = moved * np.float32(FOCAL / target[1, 1])
    facing = np.nan_to_num(normals(moved, target))
    return Example(normalised(np.asarray(colours, np.uint8)), canonical, facing.transpose(2, 0, 1))


def mirrored(
    image: NDArray[np.uint8], depth: NDArray[np.float32], matrix: Array
) -> tuple[NDArray[np.uint8], NDArray[np.float32], Array]:
    """A frame and its camera (3,3) with left and right exchanged."""
    other = matrix.copy()
    other[0, 2] = image.shape[1] - 1.0 - matrix[0, 2]
    return np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(depth[:, ::-1]), other


def coloured(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """An image (H,W,3) under another exposure, contrast and white balance; sometimes grey."""
    values = np.arange(256.0) / 255.0
    gains = np.exp(random.normal(0.0, 0.2) + random.normal(0.0, 0.06, 3))
    curve = np.power(values, np.exp(random.normal(0.0, 0.2)))
    table = np.clip(255.0 * gains * curve[:, None], 0.0, 255.0).astype(np.uint8)
    changed = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if random.random() < 0.1:
        changed = np.repeat(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return changed


def normalised(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An image (H,W,3) as the network's input (3,H,W)."""
    mean, deviation = np.array(FORMAT.mean, np.float32), np.array(FORMAT.deviation, np.float32)
    return np.ascontiguousarray(((image.astype(np.float32) / 255.0 - mean) / deviation).transpose(2, 0, 1))
