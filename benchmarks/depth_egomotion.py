"""A walk through a painted room with a camera of 640x480, one thread: images, a place; depth of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from benchmarks.measure import Figure, timed
from isometry.depth_egomotion.depth_model import DepthModel
from isometry.depth_egomotion.methods import build
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.relocalisation import locate
from isometry.depth_egomotion.types import CameraFrame
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import PaintedRoom, walk_pose

CAMERA = Camera(np.array([[520.0, 0.0, 320.0], [0.0, 520.0, 240.0], [0.0, 0.0, 1.0]]), 640, 480)
WIDE = Camera(np.array([[350.0, 0.0, 320.0], [0.0, 350.0, 96.0], [0.0, 0.0, 1.0]]), 640, 192)
IMAGES, PERIOD_NS = 24, 100_000_000
ROUNDS, SLOW_ROUNDS = 10, 3


def figures() -> Iterator[Figure]:
    """All figures, one after the other."""
    cv2.setNumThreads(1)
    frames = [_frame(k) for k in range(IMAGES)]
    yield timed("camera_24_images", _walked("rgbd", frames), SLOW_ROUNDS)
    yield timed("camera_24_images_gicp", _walked("gicp", frames), SLOW_ROUNDS)
    yield timed("camera_24_images_mono", _walked("mono", frames), SLOW_ROUNDS)
    method = RgbdEgoMotion(EgoMotionParameters())
    for k, frame in enumerate(frames):
        method.process(frame, (k + 1) * PERIOD_NS)
    yield timed("camera_place_in_map", lambda: locate(method.map, frames[IMAGES // 2]), ROUNDS)
    model = DepthModel.load()
    colour, _ = PaintedRoom().view(WIDE, walk_pose(0))
    yield timed("depth_of_image_640x192", lambda: model.predict(colour, WIDE), ROUNDS)


def _frame(k: int) -> CameraFrame:
    """The k-th image of the walk, with the noise of a depth camera."""
    colour, depth = PaintedRoom().view(CAMERA, walk_pose(k))
    noise = np.random.default_rng(k).normal(0.0, 0.002, depth.shape)
    return CameraFrame(colour, CAMERA, 1.0 / (1.0 / depth + noise))


def _walked(name: str, frames: list[CameraFrame]) -> Callable[[], None]:
    """A function that follows the whole walk from a new start."""

    def walk() -> None:
        method = build(name, EgoMotionParameters())
        for k, frame in enumerate(frames):
            method.process(frame, (k + 1) * PERIOD_NS)

    return walk
