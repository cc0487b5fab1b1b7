"""Figures of the motion of a camera, by a method whose errors are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.evaluation.depth_egomotion.following import choose, follow
from isometry.evaluation.depth_egomotion.measure import ROOM_LENGTHS_M, Judged, figures, trivial_figures
from isometry.evaluation.depth_egomotion.report import false_colours, write_report
from isometry.geometry import se3

if TYPE_CHECKING:
    from test.evaluation.depth_egomotion.conftest import Known

AXES = {"x", "y", "z", "roll", "pitch", "yaw"}


def judged(walk: CameraRecording, method: Known, every: int = 1, *drops: slice) -> Judged:
    return Judged(follow(walk, choose(walk, every, drops), method), ROOM_LENGTHS_M)


def poses_of(walk: CameraRecording) -> Array:
    assert walk.T_world_colour is not None
    return walk.T_world_colour


def random_walk(sigma: float) -> Callable[[int, Array], Array]:
    """Errors of each step of this size, metres and a tenth of it in radians, which add up."""
    random = np.random.default_rng(1)
    sums = np.cumsum(random.normal(0.0, sigma, (100, 6)) * np.repeat([1.0, 0.1], 3), axis=0)

    def change(k: int, T: Array) -> Array:
        turn = Rotation.from_rotvec(sums[k, 3:]).as_matrix()
        return np.asarray(T @ se3.from_rotation_translation(turn, sums[k, :3]))

    return change


def test_a_method_without_errors_has_none(walk: CameraRecording, known: type[Known]) -> None:
    found = figures([judged(walk, known(poses_of(walk)))])
    assert found["n"] == 61
    assert found["path_m"] == pytest.approx(2.0 * 2.0 * np.pi, rel=0.02)
    for name in ("ate_rmse_m", "ate_odometry_rmse_m", "ate_optimised_rmse_m", "step_trans_m", "max_step_error_m"):
        assert found[name] < 1e-6
    assert found["t_err_percent"] < 1e-4
    assert found["r_err_deg_per_100m"] < 1e-3
    assert found["scale"] == pytest.approx(1.0)
    assert found["lengths_m"] == list(ROOM_LENGTHS_M)
    assert set(found["inside_2_sigma"]) == AXES
    assert set(found["inside_2_sigma"].values()) == set(found["inside_2_sigma_pose"].values()) == {1.0}
    assert found["lost_frames"] == 0
    assert found["frames_to_recover"] == []
    assert found["seconds_per_frame"]["median"] <= found["seconds_per_frame"]["p99"]


def test_sigmas_that_are_right_hold_most_steps_and_sigmas_that_do_not_grow_lose_the_path(
    walk: CameraRecording, known: type[Known]
) -> None:
    found = figures([judged(walk, known(poses_of(walk), random_walk(0.002), sigma=0.003))])
    assert min(found["inside_2_sigma"].values()) > 0.85
    assert min(found["inside_2_sigma_pose"].values()) < 0.7
    assert 0.001 < found["step_trans_m"] < 0.006
    assert found["step_trans_m"] < found["step_trans_p90_m"] < found["max_step_error_m"]
    assert found["ate_optimised_rmse_m"] < 1e-6 < found["ate_rmse_m"]


def test_a_scale_that_is_wrong_is_told(walk: CameraRecording, known: type[Known]) -> None:
    def longer(k: int, T: Array) -> Array:
        changed = T.copy()
        changed[:3, 3] *= 1.25
        return changed

    found = figures([judged(walk, known(poses_of(walk), longer))])
    assert found["scale"] == pytest.approx(0.8)
    # a quarter of the chord of each part, and counted by the length of its arc
    assert 15.0 < found["t_err_percent"] < 25.0
    assert found["ate_rmse_m"] > 0.3


def test_a_jump_counts_unless_it_was_called_lost(walk: CameraRecording, known: type[Known]) -> None:
    def jump(k: int, T: Array) -> Array:
        return np.asarray(se3.from_planar(0.3 * (k >= 30), 0.0, 0.0) @ T)

    silent = figures([judged(walk, known(poses_of(walk), jump))])
    assert silent["max_step_error_m"] == pytest.approx(0.3)
    worst = silent["worst_steps"][0]
    assert (worst["frame"], worst["state"], len(silent["worst_steps"])) == (30, "ok", 10)
    told = figures([judged(walk, known(poses_of(walk), jump, lambda k: "lost" if k == 30 else "ok"))])
    assert told["max_step_error_m"] < 1e-6
    assert told["lost_frames"] == told["states"]["lost"] == 1
    assert told["worst_steps"][0]["state"] == "lost"


def test_frames_until_the_camera_is_found_again(walk: CameraRecording, known: type[Known]) -> None:
    def astray(k: int, T: Array) -> Array:
        return np.asarray(se3.from_planar(0.5 * (20 <= k < 23), 0.0, 0.0) @ T)

    gap = slice(10, 20)
    for change, state, frames, wrong in (
        (lambda k, T: T, lambda k: "ok", 1, 0),
        (lambda k, T: T, lambda k: "lost" if 20 <= k < 24 else "ok", 5, 0),
        (astray, lambda k: "ok", 4, 3),
        (astray, lambda k: "lost" if 20 <= k < 23 else "ok", 4, 0),
        (lambda k, T: astray(min(k, 20), T), lambda k: "ok", None, 41),
        (lambda k, T: T, lambda k: "ok" if k < 10 else "lost", None, 0),
    ):
        method = known(poses_of(walk), change, state)
        found = figures([judged(walk, method, 1, gap)])
        assert (found["frames_to_recover"], found["ok_but_wrong"]) == ([frames], [wrong])
        assert method.seen == [*range(10), *range(20, 61)]


def test_every_so_many_th_frame_with_gaps(walk: CameraRecording) -> None:
    choice = choose(walk, 3, [slice(2, 4), slice(10, 12)])
    assert choice.frames.tolist() == [0, 3, 12, 15, 18, 21, 24, 27, *range(36, 61, 3)]
    assert choice.gaps == (2, 8)
    for drop in (slice(0, 5), slice(5, None), slice(30, 40)):
        with pytest.raises(ValueError, match="it must have frames before and after it"):
            choose(walk, 3, [drop])
    with pytest.raises(ValueError, match="1 frames are left"):
        choose(walk, 100)


def test_without_depth_a_method_gets_none(walk: CameraRecording, known: type[Known]) -> None:
    method = known(poses_of(walk))
    follow(walk, choose(walk, 20), method)
    assert all(frame.depth is not None for frame in method.frames)
    follow(walk, choose(walk, 20), method, with_depth=False)
    assert all(frame.depth is None for frame in method.frames)


def test_several_walks_are_each_aligned_by_themselves(
    recorded: Callable[..., CameraRecording], walk: CameraRecording, known: type[Known]
) -> None:
    poses = poses_of(walk)
    walks = [recorded("one", poses[:20]), recorded("two", se3.from_planar(5.0, 5.0, 1.0) @ poses[:30])]
    found = figures([judged(each, known(poses_of(each))) for each in walks])
    assert found["n"] == 50
    assert found["ate_rmse_m"] < 1e-6
    assert [each["n"] for each in found["recordings"]] == [20, 30]


def test_frames_without_a_true_pose_are_followed_and_not_judged(walk: CameraRecording, known: type[Known]) -> None:
    poses = poses_of(walk).copy()
    poses[5:8] = np.nan
    partly = replace(walk, T_world_pose=poses)
    method = known(poses_of(walk), random_walk(0.002))
    found = figures([judged(partly, method)])
    assert found["n"] == len(method.seen) == 61
    assert {step["frame"] for step in found["worst_steps"]}.isdisjoint({5, 6, 7, 8})


def test_a_recording_that_cannot_be_judged_is_refused(
    recorded: Callable[..., CameraRecording], walk: CameraRecording, known: type[Known]
) -> None:
    bare = recorded("bare", None, 5)
    with pytest.raises(ValueError, match="it has no poses"):
        figures([judged(bare, known(poses_of(walk)))])
    with pytest.raises(ValueError, match="it has no poses"):
        trivial_figures([choose(bare)], [bare], ROOM_LENGTHS_M)


def test_an_image_that_the_method_does_not_take_is_named(walk: CameraRecording, known: type[Known]) -> None:
    class Picky(known):  # type: ignore[misc,valid-type]
        def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
            raise ValueError("not this one")

    with pytest.raises(ValueError, match=r"000.png: not this one"):
        judged(walk, Picky(poses_of(walk)))


def test_predictors_that_do_not_look_have_the_same_figures(walk: CameraRecording) -> None:
    found = trivial_figures([choose(walk)], [walk], ROOM_LENGTHS_M)
    assert set(found) == {"standing", "straight_on", "constant_velocity"}
    standing = found["standing"]
    assert standing["ate_rmse_m"] == pytest.approx(2.0, rel=0.05)
    assert standing["step_rot_deg"] == pytest.approx(6.0)


def test_a_page_shows_the_walk_and_its_worst_steps(walk: CameraRecording, known: type[Known], tmp_path: Path) -> None:
    walks = [judged(walk, known(poses_of(walk), random_walk(0.002), lambda k: "lost" if k == 9 else "ok"))]
    result: dict[str, Any] = figures(walks) | {"trivial": trivial_figures([choose(walk)], [walk], ROOM_LENGTHS_M)}
    origin = {"data": "a walk", "date": "today", "model": {"name": "known"}}
    page = write_report(tmp_path / "page.html", result, origin, walks).read_text()
    assert page.count("plotly-graph-div") >= 5
    assert page.count("data:image/jpeg") == 10
    for words in ("standing", "constant_velocity", "max_step_error_m", "Path from the side"):
        assert words in page


def test_near_and_far_depth_have_their_own_colours_and_unknown_depth_is_black() -> None:
    painted = false_colours(np.array([[0.0, 0.3, 4.0, 9.0]]))
    assert (painted[0, 0] == 0).all()
    assert painted[0, 1].argmax() == 2
    assert painted[0, 3].argmax() == 0
    assert len(np.unique(painted, axis=1)[0]) == 4
