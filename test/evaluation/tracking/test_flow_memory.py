from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.evaluation.tracking.flow_memory import Outcomes, figures, judge_drives
from isometry.simulation.traffic.scans import random_drive
from isometry.tracking.memory.flow_memory import FlowMemory


def test_figures_of_a_simulated_drive() -> None:
    told = figures(judge_drives(FlowMemory.load(), [random_drive(2, 2.0)]))
    assert isinstance(told["standing"], dict)
    assert told["standing"]["all"]["velocity_error_mps_median"] < 0.3
    assert isinstance(told["clutter_wrong"], float)


def test_figures_in_closed_form() -> None:
    outcomes = Outcomes(
        keys=["car", "car", "walker"],
        errors=[np.array([3.0, 4.0]), np.array([np.nan, np.nan]), np.array([0.0, 1.0])],
        truths=[np.array([5.0, 0.0]), np.array([2.0, 0.0]), np.array([0.0, 0.0])],
        misfits=[5.0, np.nan, 1.0],
        seconds=[0.002],
        cells=[7],
    )
    told = figures(outcomes)
    car = {
        "n": 2,
        "known": 0.5,
        "velocity_error_mps_median": 5.0,
        "velocity_error_mps_p90": 5.0,
        "speed_error_mps_median": np.hypot(8.0, 4.0) - 5.0,
        "inside_2_sigma": 0.0,
    }
    assert told["moving"] == {"all": car, "car": car}
    assert isinstance(told["standing"], dict)
    assert told["standing"]["walker"]["inside_2_sigma"] == 1.0
    assert told["update_ms"] == {"median": 2.0, "p95": 2.0}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "flow-memory", "--drives", "0", "--kitti-tracking", str(tmp_path / "nothing")]
    )
    assert result.exit_code == 1
    assert "nothing" in result.output
