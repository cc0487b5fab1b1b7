"""`isometry evaluate flow-memory`: velocities of the bird's-eye memory against true ones, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json
from isometry.cli.common.threads import use_one_thread

FIRST_SEED = 200_000  # of the simulated drives, none of which is trained on


def flow_memory(
    drives: Annotated[int, typer.Option(min=0, help="Simulated drives of 5 s that it never saw.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first drive; the others count on.")] = FIRST_SEED,
    kitti_tracking: Annotated[Path | None, typer.Option(help="Directory with velodyne, label_02 and calib.")] = None,
    sequence: Annotated[str, typer.Option(help="Which sequence of it.")] = "0000",
    poses: Annotated[Path | None, typer.Option(help="LiDAR poses of that sequence.")] = None,
    model: Annotated[str, typer.Option(help="Name of a shipped memory, or an .onnx file.")] = "default",
    json_file: Json = None,
) -> None:
    """Errors of the velocities of true boxes, calibration of their covariances, wrong cells, time of an update."""
    use_one_thread()
    with clear_errors():
        from isometry.datasets.kitti.scans import open_scans
        from isometry.datasets.kitti.tracking import KittiTracking
        from isometry.evaluation.common.provenance import provenance, write_json
        from isometry.evaluation.tracking import flow_memory as evaluation
        from isometry.simulation.traffic.scans import random_drive
        from isometry.tracking.memory.flow_memory import FlowMemory

        if not drives and kitti_tracking is None:
            raise ValueError("nothing to measure on: neither --drives nor --kitti-tracking")
        memory = FlowMemory.load(Path(model)) if model.endswith(".onnx") else FlowMemory.load(name=model)
        result: dict[str, Any] = {}
        if drives:
            with progress_bar("driving") as advance:

                def simulated() -> Any:
                    for k in range(drives):
                        yield random_drive(seed + k)
                        advance(k + 1, drives)

                result["simulated"] = evaluation.figures(evaluation.judge_drives(memory, simulated())).as_json()
        if kitti_tracking is not None:
            tracking = KittiTracking(kitti_tracking, sequence)
            scans = open_scans(kitti_tracking, tracking.sequence, poses)
            errors = evaluation.judge_recording(memory, tracking, scans)
            result["recorded"] = evaluation.figures(errors).as_json()
        data = f"{drives} simulated drives from seed {seed}"
        data += f", {kitti_tracking.resolve().name} {sequence}" if kitti_tracking is not None else ""
        if json_file is not None:
            write_json(json_file, provenance(data, memory.model.name, memory.model.sha256) | result)
        for name, figures in result.items():
            _print(name, figures)


def _print(name: str, figures: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(name, "n", "known", "velocity error, median", "p90", "speed error, median", "in 2 sigma", box=SIMPLE)
    for state in ("moving", "standing"):
        for group, row in figures[state].items():
            values = [f"{value:.2f}" for key, value in row.items() if key != "n"]
            table.add_row(f"{state}: {group}", str(row["n"]), *values)
    console.print(table)
    if figures["clutter_wrong"] is not None:
        console.print(f"cells of stationary surroundings that seem to move: {100.0 * figures['clutter_wrong']:.1f} %")
    console.print(f"update: {figures['update_ms']['median']:.1f} ms of processor time, {figures['cells']:.0f} cells")
