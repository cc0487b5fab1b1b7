"""A walk with a camera through a painted room, and how it is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.types import CameraFrame, EgoMotion, EgoMotionStep
from isometry.geometry import se3
from isometry.simulation.painted_room import CAMERA, PaintedRoom, walk_pose

IMAGES = 32
TENTH_NS = 100_000_000
SHADE_NOISE, INVERSE_NOISE = 2.0, 0.002  # grey values, and 1/m: the noise of a camera that measures a disparity


def seen_from(T_room_camera: Array, seed: int = 0, room: int = 0) -> CameraFrame:
    """What a camera with noise, whose depth is in whole millimetres, sees of a room; each room has paint of its own."""
    random = np.random.default_rng(seed)
    colour, depth = PaintedRoom(room).view(CAMERA, T_room_camera)
    colour = np.clip(colour + random.normal(0.0, SHADE_NOISE, colour.shape[:2])[..., None], 0, 255).astype(np.uint8)
    depth = 1.0 / (1.0 / depth + random.normal(0.0, INVERSE_NOISE, depth.shape))
    return CameraFrame(colour, CAMERA, np.round(depth, 3))


def followed(method: EgoMotion, frames: Iterable[CameraFrame], first: int = 0) -> list[EgoMotionStep]:
    """The steps of a method through frames at 10 Hz, the first of them with the number `first`."""
    return [method.process(frame, (first + number) * TENTH_NS) for number, frame in enumerate(frames)]


@pytest.fixture(scope="session")
def view() -> Callable[..., CameraFrame]:
    """What a camera at T_room_camera sees of the room; with `seed` of the noise, and `room` of the paint."""
    return seen_from


@pytest.fixture(scope="session")
def follow() -> Callable[..., list[EgoMotionStep]]:
    """The steps of a method through frames at 10 Hz; with the number `first` of the first of them."""
    return followed


@pytest.fixture(scope="session")
def walk() -> list[CameraFrame]:
    """The frames of a walk of 2 cm and 0.6 degrees a frame; not to be changed."""
    return [seen_from(walk_pose(number), number) for number in range(IMAGES)]


@pytest.fixture(scope="session")
def true_walk() -> Array:
    """T_first_camera (N,4,4) of the frames of the walk."""
    return np.array([se3.inverse(walk_pose(0)) @ walk_pose(number) for number in range(IMAGES)])
