"""A small recording on the disk, and a method whose errors are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3
from isometry.sensing.cameras import Camera

CAMERA = Camera(np.array([[50.0, 0.0, 8.0], [0.0, 50.0, 6.0], [0.0, 0.0, 1.0]]), 16, 12)


def circle(count: int = 61, radius: float = 2.0) -> Array:
    """Poses (N,4,4) of a camera that goes round once and looks ahead, in a world that is turned."""
    angles = np.linspace(0.0, 2.0 * np.pi, count)
    turns = Rotation.from_euler("y", angles[:, None]).as_matrix()
    places = radius * np.column_stack([1.0 - np.cos(angles), 0.1 * np.sin(2 * angles), np.sin(angles)])
    T_world_start = se3.from_rotation_translation(Rotation.from_rotvec([0.3, -0.5, 0.9]).as_matrix(), np.ones(3))
    return np.array([T_world_start @ se3.from_rotation_translation(*pair) for pair in zip(turns, places, strict=True)])


def write_recording(folder: Path, poses: Array | None, count: int | None = None) -> CameraRecording:
    """A frame each tenth of a second; all pixels of an image have the number of the frame."""
    number = len(poses) if poses is not None else count or 0
    colours, depths = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(number):
        colours.append(folder / f"{k:03d}.png")
        depths.append(folder / f"{k:03d}.depth.png")
        Image.fromarray(np.full((12, 16, 3), k, np.uint8)).save(colours[-1])
        Image.fromarray(np.full((12, 16), 1000 + k, np.uint16)).save(depths[-1])
    return CameraRecording("walk", np.arange(number) / 10.0, tuple(colours), CAMERA, tuple(depths), T_world_pose=poses)


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> CameraRecording:
    """Once round; not to be changed."""
    return write_recording(tmp_path_factory.mktemp("walk"), circle())


class Known:
    """Answers true poses that are changed by a rule; the frame is read from the image."""

    name = "known"

    def __init__(
        self,
        poses: Array,
        change: Callable[[int, Array], Array] = lambda k, T: T,
        state: Callable[[int], str] = lambda k: "ok",
        sigma: float = 0.01,
    ) -> None:
        self.T_odom = se3.inverse(poses[0]) @ poses
        self.change, self.state, self.sigma = change, state, sigma
        self.frames: list[CameraFrame] = []
        self.seen: list[int] = []
        self.last = np.eye(4)

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        k = int(frame.colour[0, 0, 0])
        assert stamp_ns == 100_000_000 * k
        T = self.change(k, self.T_odom[k])
        moved, self.last = se3.inverse(self.last) @ T, T
        self.frames.append(frame)
        self.seen.append(k)
        covariance = self.sigma**2 * np.eye(6)
        return EgoMotionStep(T, covariance, moved, covariance, np.eye(4), self.state(k), "", k % 5 == 0, "", 0.0, 0.001)

    def optimised(self) -> Sequence[Array]:
        return [self.T_odom[k] for k in self.seen]

    def reset(self) -> None:
        self.frames, self.seen, self.last = [], [], np.eye(4)


@pytest.fixture
def known() -> type[Known]:
    """The method whose errors are known."""
    return Known


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., CameraRecording]:
    """Write a recording with some poses: call with its name and them, or with None and the number of frames."""

    def write(name: str, poses: Array | None, count: int | None = None) -> CameraRecording:
        return write_recording(tmp_path / name, poses, count)

    return write
