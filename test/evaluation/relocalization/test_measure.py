"""Trials of relocalisation: what is knowable when, and figures of methods whose behaviour is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from isometry.arrays import Array
from isometry.cli.main import app
from isometry.evaluation.relocalization.measure import figures, measure
from isometry.evaluation.relocalization.report import write_report
from isometry.evaluation.relocalization.trials import STANDING, Trial, draw_trials, knowable_along
from isometry.geometry import se3
from isometry.relocalization.pipeline import RelocalizationStep
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.worlds.registry import build_world
from isometry.simulation.worlds.world import World

BLIND = SpinningLidar(beams=2, azimuth_step_deg=20.0)


class Claims:
    """A method that says the given poses (S,4,4), and that it is lost where they are NaN."""

    def __init__(self, poses: Array) -> None:
        self._poses = iter(poses)

    def process(self, points: NDArray[np.floating], T_odom_base: Array, origin: Array) -> RelocalizationStep:
        pose = next(self._poses)
        found = not np.isnan(pose).any()
        return RelocalizationStep(
            found, "ok" if found else "low_confidence", pose if found else None, 0.01 * np.eye(6) if found else None,
            pose if found else None, False, False, 0.9, 0.9, 1,
        )  # fmt: skip


@pytest.fixture(scope="module")
def halls() -> World:
    return replace(build_world("twin-halls", 0), lidar=BLIND)


@pytest.fixture(scope="module")
def trials(halls: World) -> list[Trial]:
    return draw_trials(halls, 8, 40.0, 0.03, seed=1)


def test_in_an_even_tunnel_the_end_decides() -> None:
    world = build_world("tunnel", 0)
    (region,) = world.repetitions[0].regions
    lap = world.lap(1.0)
    first_outside = int(np.argmax(lap[:, 0, 3] > region.high[0]))
    drive = lap[first_outside - 30 : first_outside + 10]
    assert np.argmax(knowable_along(world, drive)) == 30
    assert not knowable_along(world, lap[first_outside - 60 : first_outside - 40]).any()


def test_what_was_passed_before_decides_too() -> None:
    """Two storeys further up than the second of three equal ones, there is only one."""
    world = build_world("car-park", 1)
    heights = np.array([region.T_world_region[2, 3] for region in world.repetitions[0].regions])
    lap = world.lap(2.0)
    starts = np.flatnonzero(np.abs(lap[:, 2, 3] - heights[-2]) < 0.1)
    known = knowable_along(world, lap[starts[0] :])
    at_first_known = lap[starts[0] + int(np.argmax(known))]
    assert not known[0]
    assert at_first_known[2, 3] > heights[-2] + 0.1
    assert known[-1]


def test_trials_begin_where_nobody_can_know_and_odometry_drifts(halls: World, trials: list[Trial]) -> None:
    assert sum(trial.begins_unknowable for trial in trials) == 6
    assert sum(trial.begins_unknowable and trial.becomes_knowable for trial in trials) >= 3
    for trial in trials:
        assert np.ptp(trial.T_world_base[:STANDING], axis=0).max() == 0.0
        assert np.all(np.diff(trial.knowable.astype(int)) >= 0)  # what is known stays known
        driven = np.linalg.norm(np.diff(trial.T_world_base[:, :3, 3], axis=0), axis=1).sum()
        told = np.linalg.norm(np.diff(trial.T_odom_base[:, :3, 3], axis=0), axis=1).sum()
        assert 0.005 < abs(told / driven - 1.0) < 0.1
    again = draw_trials(halls, 8, 40.0, 0.03, seed=1)
    np.testing.assert_array_equal(again[3].T_odom_base, trials[3].T_odom_base)


def test_an_honest_method_is_never_located_too_early(halls: World, trials: list[Trial], tmp_path: Path) -> None:
    said = iter([np.where(t.knowable[:, None, None], t.T_world_base, np.nan) for t in trials])
    results = measure(halls, trials, lambda: Claims(next(said)), seed=0)
    of_honest = figures(results)
    assert of_honest["located_while_unknowable"] == of_honest["wrong_located"] == 0.0
    assert of_honest["located_once_knowable"] == 1.0
    assert of_honest["scans_until_located"] == of_honest["metres_until_located"] == 0.0
    assert set(of_honest["inside_2_sigma"].values()) == {1.0}
    origin = {"data": "halls", "model": {"name": "honest"}, "date": "today"}
    page = write_report(tmp_path / "page.html", of_honest, origin, results).read_text()
    assert "located while nobody can know, of 6 trials" in page


def test_a_wrong_transform_to_odometry_is_wrong_without_a_pose_of_the_scan(halls: World, trials: list[Trial]) -> None:
    class OnlyOnce(Claims):
        def process(self, points: NDArray[np.floating], T_odom_base: Array, origin: Array) -> RelocalizationStep:
            step = super().process(points, T_odom_base, origin)
            assert step.T_map_base is not None
            T_map_odom = step.T_map_base @ se3.inverse(T_odom_base)
            return replace(step, T_map_base=None, covariance=None, T_map_odom=T_map_odom)

    trial = trials[0]
    for shift, wrong in ((0.0, 0.0), (120.0, 1.0)):
        poses = se3.from_planar(shift, 0.0, 0.0) @ trial.T_world_base
        found = figures(measure(halls, [trial], lambda poses=poses: OnlyOnce(poses), seed=0))  # type: ignore[misc]
        assert found["wrong_located"] == wrong
        assert found["inside_2_sigma"]["x"] is None


def test_one_slow_scan_is_the_maximum_of_the_seconds(halls: World, trials: list[Trial]) -> None:
    trial = trials[0]
    (result,) = measure(halls, [trial], lambda: Claims(trial.T_world_base), seed=0)
    seconds = np.full(len(result.seconds), 0.2)
    seconds[7] = 3.5
    found = figures([replace(result, seconds=seconds, processor_seconds=2.0 * seconds)])
    assert (found["seconds"]["median"], found["seconds"]["max"]) == (0.2, 3.5)
    assert 0.2 < found["seconds"]["p99"] < 3.5
    assert (found["processor_seconds"]["median"], found["processor_seconds"]["max"]) == (0.4, 7.0)


def test_a_method_that_believes_in_a_twin_is_caught(halls: World, trials: list[Trial]) -> None:
    shift = se3.from_planar(120.0, 0.0, 0.0)
    said = iter([shift @ trial.T_world_base for trial in trials])
    of_believer = figures(measure(halls, trials, lambda: Claims(next(said)), seed=0))
    assert of_believer["located_while_unknowable"] == of_believer["wrong_located"] == 1.0
    assert of_believer["located_once_knowable"] == 0.0
    assert of_believer["inside_2_sigma"]["x"] is None


def test_the_command_measures_a_world(tmp_path: Path) -> None:
    output, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["--world", "building", "--trials", "1", "--metres", "2", "--json", str(output), "--report", str(page)]
    run = CliRunner().invoke(app, ["evaluate", "relocalization", *arguments])
    assert run.exit_code == 0, run.output
    written = json.loads(output.read_text())
    assert written["scans"] == STANDING + 2
    assert written["located_while_unknowable"] is None  # every place of this world is a different one
    assert {"commit", "machine", "wrong_located"} <= set(written)
    assert list(written["seconds"]) == list(written["processor_seconds"]) == ["median", "p99", "max"]
    assert written["seconds"]["p99"] <= written["seconds"]["max"]
    assert page.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--world", "moon"), "no world 'moon'"),
        (("--world", "building", "--metres", "900"), "a trial of 900 m does not fit on a route of"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    run = CliRunner().invoke(app, ["evaluate", "relocalization", *arguments])
    assert run.exit_code == 1
    assert message in " ".join(run.output.split())
