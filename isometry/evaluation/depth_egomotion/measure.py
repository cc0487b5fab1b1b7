"""How far a method that follows a camera is off, and whether it says so.

Steps, and parts of the path, are those of `T_odom_camera`, which never jumps; the path is judged as it was published in
the map, in the odometry alone, and as it was known in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from isometry.arrays import Array, Flags, Index
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import STATES
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.statistics import mean, percentile
from isometry.evaluation.depth_egomotion import trajectories
from isometry.evaluation.depth_egomotion.following import Choice, Followed, true_poses
from isometry.evaluation.depth_egomotion.trajectories import PathErrors, path_errors
from isometry.evaluation.depth_egomotion.trivial import predictions
from isometry.geometry import se3
from isometry.geometry.covariance import AXES

ROOM_LENGTHS_M = tuple(float(metres) for metres in range(1, 11))
"""Of the parts of a path through rooms."""
ROAD_LENGTHS_M = (10.0, 20.0, 30.0, 40.0)
"""Of the parts of a drive."""
WORST = 10  # steps that are listed
FOUND_M, FOUND_DEG = 0.10, 5.0  # a camera is found again within these


@dataclass(frozen=True, eq=False)
class Judged:
    """The errors of one recording that was followed."""

    followed: Followed
    lengths_m: Sequence[float]

    @cached_property
    def odometry(self) -> PathErrors:
        """Of the poses in the odometry's frame."""
        return path_errors(self.followed.T_odom, self.followed.T_true, self.lengths_m)

    @cached_property
    def known(self) -> Flags:
        """Whether each frame (N,) has a true pose."""
        return trajectories.known(self.followed.T_true)

    def distances(self, T_estimated: Array) -> Array:
        """Metres (K,) between positions of poses (N,4,4) and true ones, where these are known, once aligned."""
        return trajectories.distances(T_estimated[self.known], self.followed.T_true[self.known])

    @property
    def step_m(self) -> Array:
        """Error of each step (M,)."""
        return np.asarray(np.linalg.norm(self.odometry.steps[:, :3], axis=1))

    @property
    def step_deg(self) -> Array:
        """Error of each step (M,)."""
        return np.asarray(np.degrees(np.linalg.norm(self.odometry.steps[:, 3:], axis=1)))

    @property
    def unlost(self) -> Flags:
        """Whether each step (M,) is between two frames at which the method did not say that it was lost."""
        lost = np.array([state == "lost" for state in self.followed.states])
        return np.asarray(~(lost[self.odometry.ends] | lost[self.odometry.ends - 1]))

    @property
    def pose_errors(self) -> Array:
        """(K-1,6) of the poses since the first one that is known, along the axes of the odometry's frame."""
        T_odom, T_true = self.followed.T_odom[self.known], self.followed.T_true[self.known]
        return se3.error(T_odom[1:], T_odom[0] @ se3.inverse(T_true[0]) @ T_true[1:])

    @property
    def frames_to_recover(self) -> list[int | None]:
        """For each gap the number of frames, from the first after it on, until the camera is found again.

        The state is `ok` then, and the pose in the map is right within 10 cm and 5 deg as seen from the last one before
        the gap that had this state. None where that never happens.
        """
        found = [(gap, frames[right]) for gap, (frames, right) in self._sure_after_gaps]
        return [int(frames[0]) - gap + 1 if len(frames) else None for gap, frames in found]

    @property
    def ok_but_wrong(self) -> list[int]:
        """For each gap the number of frames after it whose state is `ok` and whose pose is not right in this sense."""
        return [int((~right).sum()) for _, (_, right) in self._sure_after_gaps]

    @cached_property
    def _sure_after_gaps(self) -> list[tuple[int, tuple[Index, Flags]]]:
        """Each gap with the frames after it that say that they are ok, and whether they are right."""
        return [(gap, self._sure_after(gap)) for gap in self.followed.choice.gaps]

    def _sure_after(self, gap: int) -> tuple[Index, Flags]:
        sure = self.known & (np.array(self.followed.states) == "ok")
        before, after = np.flatnonzero(sure[:gap]), gap + np.flatnonzero(sure[gap:])
        if not len(before) or not len(after):
            return after, np.zeros(len(after), bool)
        moved, truly_moved = (
            se3.inverse(poses[before[-1]]) @ poses[after] for poses in (self.followed.T_map, self.followed.T_true)
        )
        metres, degrees = trajectories.apart(moved, truly_moved)
        return after, (metres < FOUND_M) & (degrees < FOUND_DEG)


def figures(walks: Sequence[Judged]) -> dict[str, Any]:
    """All figures. Those of several walks are over the frames, steps and parts of all, each walk aligned by itself."""
    followed = [walk.followed for walk in walks]
    seconds = np.concatenate([each.seconds for each in followed])
    states = Counter(state for each in followed for state in each.states)
    steps_m, steps_deg = (np.concatenate([getattr(walk, name) for walk in walks]) for name in ("step_m", "step_deg"))
    unlost = np.concatenate([walk.unlost for walk in walks])
    return {
        "n": sum(len(each.steps) for each in followed),
        "path_m": sum(_path_m(walk.followed.T_true) for walk in walks),
        "ate_rmse_m": _rms([walk.distances(walk.followed.T_map) for walk in walks]),
        "ate_optimised_rmse_m": _rms([walk.distances(walk.followed.T_map_optimised) for walk in walks]),
        **_path_figures([walk.odometry for walk in walks], "ate_odometry_rmse_m"),
        "lengths_m": list(walks[0].lengths_m),
        "step_trans_p90_m": percentile(steps_m, 90),
        "step_rot_p90_deg": percentile(steps_deg, 90),
        "max_step_error_m": float(steps_m[unlost].max()) if unlost.any() else None,
        "max_step_error_deg": float(steps_deg[unlost].max()) if unlost.any() else None,
        "lost_frames": states["lost"],
        "states": {state: states[state] for state in STATES},
        "frames_to_recover": [frames for walk in walks for frames in walk.frames_to_recover],
        "ok_but_wrong": [frames for walk in walks for frames in walk.ok_but_wrong],
        "inside_2_sigma": _inside([(walk.odometry.steps, _motion_covariances(walk)) for walk in walks]),
        "inside_2_sigma_pose": _inside([(walk.pose_errors, _pose_covariances(walk)) for walk in walks]),
        "scale": mean([found for walk in walks if (found := _scale(walk)) is not None]),
        "scale_sigma": mean([step.scale_sigma for each in followed for step in each.steps]),
        "seconds_per_frame": {
            "median": percentile(seconds, 50),
            "mean": mean(seconds),
            "p99": percentile(seconds, 99),
        },
        "processor_seconds_per_frame": mean(np.concatenate([each.processor_seconds for each in followed])),
        "keyframes": sum(step.keyframe for each in followed for step in each.steps),
        "corrections": dict(Counter(step.corrected for each in followed for step in each.steps if step.corrected)),
        "worst_steps": worst_steps(walks),
        "recordings": [_of_one(walk) for walk in walks],
    }


def trivial_figures(
    chosen: Sequence[Choice], recordings: Sequence[CameraRecording], lengths_m: Sequence[float]
) -> dict[str, Any]:
    """The figures of the predictors that do not look, by their names, over the same frames."""
    errors: dict[str, list[PathErrors]] = {}
    for recording, choice in zip(recordings, chosen, strict=True):
        T_true = true_poses(recording, choice)
        for name, T_predicted in predictions(T_true, recording.stamps_s[choice.frames]).items():
            errors.setdefault(name, []).append(path_errors(T_predicted, T_true, lengths_m))
    return {name: _path_figures(each, "ate_rmse_m") for name, each in errors.items()}


def worst_steps(walks: Sequence[Judged]) -> list[dict[str, Any]]:
    """The steps with the largest errors in metres, wherever the method said that it was lost too."""
    steps = [
        {
            "recording": walk.followed.recording.name,
            "frame": int(walk.followed.choice.frames[end]),
            "error_m": float(metres),
            "error_deg": float(degrees),
            "state": walk.followed.steps[end].state,
        }
        for walk in walks
        for end, metres, degrees in zip(walk.odometry.ends, walk.step_m, walk.step_deg, strict=True)
    ]
    return sorted(steps, key=lambda step: -step["error_m"])[:WORST]


def _path_figures(errors: Sequence[PathErrors], ate: str) -> dict[str, Any]:
    steps = np.concatenate([each.steps for each in errors])
    parts = np.concatenate([each.parts for each in errors])
    return {
        ate: _rms([each.distances for each in errors]),
        "step_trans_m": percentile(np.linalg.norm(steps[:, :3], axis=1), 50),
        "step_rot_deg": percentile(np.degrees(np.linalg.norm(steps[:, 3:], axis=1)), 50),
        "t_err_percent": 100.0 * float(parts[:, 0].mean()) if len(parts) else None,
        "r_err_deg_per_100m": 100.0 * float(parts[:, 1].mean()) if len(parts) else None,
    }


def _of_one(walk: Judged) -> dict[str, Any]:
    return {
        "name": walk.followed.recording.name,
        "n": len(walk.followed.steps),
        "path_m": _path_m(walk.followed.T_true),
        "ate_rmse_m": _rms([walk.distances(walk.followed.T_map)]),
        "lost_frames": walk.followed.states.count("lost"),
    }


def _motion_covariances(walk: Judged) -> Array:
    return np.array([walk.followed.steps[end].motion_covariance for end in walk.odometry.ends]).reshape(-1, 6, 6)


def _pose_covariances(walk: Judged) -> Array:
    return np.array([walk.followed.steps[k].covariance for k in np.flatnonzero(walk.known)[1:]])


def _inside(errors_and_covariances: Sequence[tuple[Array, Array]]) -> dict[str, float] | None:
    """By axis, the share of errors (K,6) within two standard deviations of their covariances (K,6,6)."""
    errors, covariances = (np.concatenate(parts) for parts in zip(*errors_and_covariances, strict=True))
    if not len(errors):
        return None
    return dict(zip(AXES, inside_two_sigma(errors, covariances).tolist(), strict=True))


def _scale(walk: Judged) -> float | None:
    return trajectories.scale(walk.followed.T_odom[walk.known], walk.followed.T_true[walk.known])


def _path_m(T_true: Array) -> float:
    return float(trajectories.path_length(T_true[trajectories.known(T_true)])[-1])


def _rms(distances: Sequence[Array]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(distances) ** 2)))
