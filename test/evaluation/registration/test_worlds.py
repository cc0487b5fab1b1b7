"""Pairs of scans in worlds that repeat themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.evaluation.registration.worlds import MAP_GROUP, WorldProtocol
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.worlds.registry import build_world

SPARSE = SpinningLidar(beams=48, highest_deg=30.0, lowest_deg=-30.0, azimuth_step_deg=1.0, range_m=40.0)


def test_pairs_fit_at_the_true_transform_and_twins_are_in_the_map() -> None:
    world = replace(build_world("tunnel", 0), lidar=SPARSE)
    protocol = WorldProtocol(gaps=(5, 30), seed=3, every=90)
    cases = list(protocol.cases(world))
    assert len(cases) == protocol.count(world)
    assert {case.group for case in cases} == {"5", "30", "5 unknowable", "30 unknowable", MAP_GROUP}
    for case in cases:
        moved = se3.apply(case.pair.T_target_source, case.pair.source.astype(np.float64))
        if not case.group.startswith("30"):  # two scans so far apart have few points near each other
            assert np.median(cKDTree(case.pair.target).query(moved)[0]) < 0.4
        assert case.is_right(case.pair.T_target_source)
        if case.group == MAP_GROUP:  # what is seen from 10 m further on is the same
            elsewhere = cKDTree(case.pair.target).query(moved + world.lap(1.0)[case.target][:3, 0] * 10.0)[0]
            assert np.median(elsewhere) < 0.4
            assert not case.is_right(se3.from_planar(10.0, 0.0, 0.0) @ case.pair.T_target_source)


def test_the_same_seed_gives_the_same_pairs() -> None:
    world = replace(build_world("building", 0), lidar=SPARSE)
    first, again, other = (next(WorldProtocol(gaps=(3,), seed=seed, every=10).cases(world)).pair for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.source, again.source)
    assert not np.allclose(first.T_target_source, other.T_target_source)


def test_the_command_measures_a_world(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    arguments = ["--world", "building", "--gaps", "2", "--every", "20", "--json", str(output)]
    run = CliRunner().invoke(app, ["evaluate", "registration", *arguments])
    assert run.exit_code == 0, run.output
    figures = json.loads(output.read_text())
    assert figures["data"] == "world building gaps 2 every 20 rotate so3 seed 0"
    assert figures["gaps"]["2"]["n"] == 2
    assert {"wrong_accepted", "right_kept", "inside_2_sigma"} <= set(figures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--world", "moon"), "no world 'moon'"),
        (("--world", "building", "--gaps", "5000"), "gap 5000: a route of"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    run = CliRunner().invoke(app, ["evaluate", "registration", *arguments])
    assert run.exit_code == 1
    assert message in " ".join(run.output.split())
