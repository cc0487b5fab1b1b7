"""Whether a camera is found in a map of keyframes by a single image.

The map is tied to the world by its own poses and the true ones, so that an error of the map as a whole is none of the
queries. An answer beside it does not look at depth or points: the pose of the keyframe whose small grey image is most
like that of the query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import CameraFrame
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.evaluation.common.statistics import mean, median, percentile
from isometry.evaluation.depth_egomotion import trajectories
from isometry.evaluation.depth_egomotion.following import Advance, Followed
from isometry.geometry import se3
from isometry.geometry.covariance import AXES

SMALL = (32, 24)  # pixels of the images that are compared
PAUSE_S = 1.0  # between walks that are followed one after another
NEAR = ((0.05, 5.0), (0.10, 10.0))  # metres and degrees; an answer beyond the last one is wrong


class Located(Protocol):
    """The answer to one image."""

    @property
    def T_map_camera(self) -> Array:
        """Pose (4,4) of the colour camera."""
        ...

    @property
    def covariance(self) -> Array:
        """(6,6) along the axes of the map."""
        ...

    @property
    def accepted(self) -> bool:
        """Whether it may be used."""
        ...

    @property
    def reason(self) -> str:
        """Why it may not."""
        ...


Locate = Callable[[CameraFrame], Located | None]


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of the frames of which a map was made."""

    T_world_map: Array  # (4,4)
    keyframe_images: NDArray[np.uint8]  # (K,24,32)
    T_world_keyframe: Array  # (K,4,4) true poses


@dataclass(frozen=True, eq=False)
class Query:
    """One image, and what was said of it."""

    name: str
    T_map_true: Array  # (4,4) of its camera
    T_map_alike: Array  # (4,4) of the keyframe that looks most like it
    answer: Located | None
    seconds: float


def joined(walks: Sequence[CameraRecording]) -> CameraRecording:
    """Walks with one camera as a single one, as if the camera had been carried from one to the next.

    Raises ValueError for walks without poses or depth, and for cameras that differ.
    """
    first = walks[0]
    for walk in walks:
        if not walk.has_depth:
            raise ValueError(f"{walk.name}: it has no depth images, of which a map could be made")
        if not walk.camera.same_as(first.camera):
            raise ValueError(f"{walk.name}: it has another camera than {first.name}")
    ends = np.cumsum([walk.stamps_s[-1] - walk.stamps_s[0] + PAUSE_S for walk in walks])
    starts = [0.0, *ends.tolist()]
    return replace(
        first,
        stamps_s=np.concatenate(
            [walk.stamps_s - walk.stamps_s[0] + at for walk, at in zip(walks, starts, strict=False)]
        ),
        colour_paths=tuple(path for walk in walks for path in walk.colour_paths),
        depth_delays_s=np.concatenate([_delays_of(walk) for walk in walks]),
        depth_paths=tuple(path for walk in walks for path in walk.depth_paths),
        T_world_pose=np.concatenate([_poses_of(walk) @ se3.inverse(walk.T_pose_colour) for walk in walks]),
    )


def reference_of(followed: Followed) -> Reference:
    """What is known of the frames that a method has followed to make a map."""
    known = trajectories.known(followed.T_true)
    T_world_map = tie(followed.T_map_optimised[known], followed.T_true[known])
    keyframes = np.flatnonzero(known & [step.keyframe for step in followed.steps])
    if not len(keyframes):
        raise ValueError(f"{followed.recording.name}: no frame with a true pose became a keyframe")
    images = [small(followed.recording.colour(k)) for k in followed.choice.frames[keyframes]]
    return Reference(T_world_map, np.array(images), followed.T_true[keyframes])


def tie(T_map_camera: Array, T_world_camera: Array) -> Array:
    """T_world_map (4,4) by poses (N,4,4) of the same cameras in both.

    The rotation is the mean of those of the cameras in the sense of least squares (Hartley et al., "Rotation
    averaging", IJCV 2013): positions alone, of a camera that hardly leaves its place, leave it open by degrees.
    """
    turns = T_world_camera[:, :3, :3] @ np.swapaxes(T_map_camera[:, :3, :3], 1, 2)
    rotation = se3.nearest_rotation(turns.sum(axis=0))
    translation = (T_world_camera[:, :3, 3] - T_map_camera[:, :3, 3] @ rotation.T).mean(axis=0)
    return se3.from_rotation_translation(rotation, translation)


def ask(
    walks: Sequence[CameraRecording],
    locate: Locate,
    reference: Reference,
    every: int = 1,
    advance: Advance = lambda done, total: None,
) -> list[Query]:
    """Locate every so many-th image of some walks, each by itself. Raises ValueError for walks without poses."""
    chosen = [(walk, int(k)) for walk in walks for k in np.flatnonzero(trajectories.known(_poses_of(walk)))[::every]]
    queries = []
    for walk, k in chosen:
        frame = camera_frame(walk, k)
        T_map_world = se3.inverse(reference.T_world_map)
        alike = int(np.argmin(np.abs(small(frame.colour) - reference.keyframe_images.astype(float)).mean(axis=(1, 2))))
        started = perf_counter()
        answer = locate(frame)
        queries.append(
            Query(
                name=str(walk.colour_paths[k]),
                T_map_true=T_map_world @ _poses_of(walk)[k],
                T_map_alike=T_map_world @ reference.T_world_keyframe[alike],
                answer=answer,
                seconds=perf_counter() - started,
            )
        )
        advance(len(queries), len(chosen))
    return queries


def figures(queries: Sequence[Query]) -> dict[str, Any]:
    """All figures; an image that is refused is a miss.

    Raises ValueError without queries.
    """
    if not queries:
        raise ValueError("no image of the queries has a true pose")
    answered = [(each, each.answer) for each in queries if each.answer is not None and each.answer.accepted]
    T_true = np.array([query.T_map_true for query, _ in answered]).reshape(-1, 4, 4)
    T_found = np.array([answer.T_map_camera for _, answer in answered]).reshape(-1, 4, 4)
    covariances = np.array([answer.covariance for _, answer in answered])
    all_true, alike = (np.array([getattr(query, name) for query in queries]) for name in ("T_map_true", "T_map_alike"))
    seconds = np.array([query.seconds for query in queries])
    found = _closeness(T_found, T_true, len(queries))
    inside = inside_two_sigma(se3.error(T_found, T_true), covariances).tolist() if answered else None
    return {
        "n": len(queries),
        **found,
        "accepted": len(answered),
        "inside_2_sigma": None if inside is None else dict(zip(AXES, inside, strict=True)),
        "refused": _reasons(queries),
        "seconds": percentile(seconds, 50),
        "seconds_mean": mean(seconds),
        "trivial": {"most_alike": _closeness(alike, all_true, len(queries))},
    }


def small(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The grey image (24,32) of a colour one (H,W,3)."""
    grey = cv2.resize(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _closeness(T_found: Array, T_true: Array, count: int) -> dict[str, Any]:
    """How many of `count` poses are right, of those (A,4,4) that were given."""
    metres, degrees = trajectories.apart(T_found, T_true) if len(T_found) else (np.zeros(0), np.zeros(0))
    right = {
        f"within_{100 * bound_m:.0f}cm_{bound_deg:.0f}deg": (metres <= bound_m) & (degrees <= bound_deg)
        for bound_m, bound_deg in NEAR
    }
    *_, loosest = right.values()
    return {
        **{name: float(flags.sum()) / count for name, flags in right.items()},
        "wrong_accepted": int((~loosest).sum()),
        "error_m": median(metres.tolist()),
        "error_deg": median(degrees.tolist()),
    }


def _reasons(queries: Sequence[Query]) -> dict[str, int]:
    """How often each reason was given for a refusal."""
    counts: dict[str, int] = {}
    for query in queries:
        if query.answer is None or not query.answer.accepted:
            reason = "no answer" if query.answer is None else query.answer.reason
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def _poses_of(walk: CameraRecording) -> Array:
    poses = walk.T_world_colour
    if poses is None:
        raise ValueError(f"{walk.name}: it has no poses with which an answer could be compared")
    return poses


def _delays_of(walk: CameraRecording) -> Array:
    return np.zeros(len(walk)) if walk.depth_delays_s is None else walk.depth_delays_s
