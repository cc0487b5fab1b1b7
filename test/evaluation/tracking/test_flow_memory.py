from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.evaluation.tracking.flow_memory import GroupFigures, VelocityErrors, figures, judge_drives
from isometry.simulation.traffic.scans import random_drive
from isometry.tracking.memory.flow_memory import FlowMemory


def test_figures_of_simulated_drives() -> None:
    parked, driving = (figures(judge_drives(FlowMemory.load(), [random_drive(seed, 2.0)])) for seed in (2, 7))
    for group in (parked.standing["all"], driving.moving["all"]):
        assert group.n > 20
        assert group.known > 0.9
        assert group.velocity_error_mps_median is not None
        assert group.velocity_error_mps_median < 0.3
    assert parked.moving == {}
    assert parked.clutter_wrong is not None
    assert 0.0 < parked.clutter_wrong < 0.5
    assert parked.cells > 100.0


def test_figures_in_closed_form() -> None:
    errors = VelocityErrors(
        keys=["car", "car", "walker"],
        errors=[np.array([3.0, 4.0]), np.array([np.nan, np.nan]), np.array([0.0, 1.0])],
        truths=[np.array([5.0, 0.0]), np.array([2.0, 0.0]), np.array([0.0, 0.0])],
        squared=[5.0, np.nan, 1.0],
        seconds=[0.002],
        cells=[7],
    )
    found = figures(errors)
    car = GroupFigures(2, 0.5, 5.0, 5.0, float(np.hypot(8.0, 4.0)) - 5.0, 0.0)
    assert found.moving == {"all": car, "car": car}
    assert found.standing["walker"].inside_2_sigma == 1.0
    assert found.update_ms == {"median": 2.0, "p95": 2.0}
    assert found.cells == 7.0


def test_what_is_not_known_is_left_out_of_the_json() -> None:
    nothing = np.full(2, np.nan)
    errors = VelocityErrors(["car"], [nothing], [np.array([5.0, 0.0])], [np.nan], [], [0.002], [7])
    table = figures(errors).as_json()
    assert table["moving"] == {name: {"n": 1, "known": 0.0} for name in ("all", "car")}
    assert table["standing"] == {}
    assert table["clutter_wrong"] is None


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "flow-memory", "--drives", "0", "--kitti-tracking", str(tmp_path / "nothing")]
    )
    assert result.exit_code == 1
    assert "nothing" in result.output
