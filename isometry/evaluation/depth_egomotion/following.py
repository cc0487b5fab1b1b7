"""A method at work on the frames of a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter, process_time

import numpy as np

from isometry.arrays import Array, Index
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import EgoMotion, EgoMotionStep
from isometry.evaluation.common.camera_frames import camera_frame

Advance = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Choice:
    """The frames of a recording that a method gets to see."""

    frames: Index  # (N,) of the recording
    gaps: tuple[int, ...]  # the first of the chosen frames after each gap, counted among them


@dataclass(frozen=True, eq=False)
class Followed:
    """What a method said of the chosen frames."""

    recording: CameraRecording
    choice: Choice
    steps: Sequence[EgoMotionStep]  # N
    T_map_optimised: Array  # (N,4,4) by all that was known at the end
    seconds: Array  # (N,) wall time
    processor_seconds: Array  # (N,)

    @cached_property
    def T_true(self) -> Array:
        """T_world_camera (N,4,4), NaN where it is not known."""
        return true_poses(self.recording, self.choice)

    @cached_property
    def T_odom(self) -> Array:
        """T_odom_camera (N,4,4)."""
        return np.array([step.T_odom_camera for step in self.steps])

    @cached_property
    def T_map(self) -> Array:
        """T_map_camera (N,4,4) as it was published at each frame."""
        return np.array([step.T_map_camera for step in self.steps])

    @property
    def states(self) -> list[str]:
        """The state (N) at each frame."""
        return [step.state for step in self.steps]


def choose(recording: CameraRecording, every: int = 1, drops: Sequence[slice] = ()) -> Choice:
    """Every so many-th frame, of which ranges are taken out.

    Raises ValueError for a range without frames before and after it, and where fewer than two frames are left.
    """
    frames = np.arange(0, len(recording), every)
    kept = np.ones(len(frames), bool)
    spans = [drop.indices(len(frames))[:2] for drop in drops]
    for drop, (first, end) in zip(drops, spans, strict=True):
        if not 0 < first < end < len(frames):
            asked = ":".join("" if bound is None else str(bound) for bound in (drop.start, drop.stop))
            raise ValueError(
                f"{recording.name}: no gap can be at {asked} of {len(frames)} frames, "
                "as it must have frames before and after it"
            )
        kept[first:end] = False
    if kept.sum() < 2:
        raise ValueError(f"{recording.name}: {kept.sum()} frames are left, and a motion needs two")
    return Choice(frames[kept], tuple(int(kept[:end].sum()) for _, end in spans))


def true_poses(recording: CameraRecording, choice: Choice) -> Array:
    """T_world_camera (N,4,4) of the colour camera at the chosen frames, NaN where it is not known.

    Raises ValueError for a recording without poses.
    """
    poses = recording.T_world_colour
    if poses is None:
        raise ValueError(f"{recording.name}: it has no poses with which a motion could be compared")
    return np.asarray(poses[choice.frames])


def follow(
    recording: CameraRecording,
    choice: Choice,
    method: EgoMotion,
    with_depth: bool = True,
    advance: Advance = lambda done, total: None,
) -> Followed:
    """Run a method over a recording, from a new start; `advance` is called with (done, total).

    Raises DatasetError naming an image that cannot be read, and ValueError naming one that the method does not take.
    """
    method.reset()
    steps, seconds, processor_seconds = [], [], []
    for done, k in enumerate(choice.frames.tolist(), 1):
        frame = camera_frame(recording, k, with_depth)
        started, worked = perf_counter(), process_time()
        try:
            steps.append(method.process(frame, round(recording.stamps_s[k] * 1e9)))
        except ValueError as error:
            raise ValueError(f"{recording.colour_paths[k]}: {error}") from error
        seconds.append(perf_counter() - started)
        processor_seconds.append(process_time() - worked)
        advance(done, len(choice.frames))
    optimised = np.array(method.optimised())
    return Followed(recording, choice, steps, optimised, np.array(seconds), np.array(processor_seconds))
