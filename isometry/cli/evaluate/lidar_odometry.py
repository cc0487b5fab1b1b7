"""`isometry evaluate lidar-odometry`: a recorded drive, or one through a simulated world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json, Report, publish
from isometry.cli.common.threads import use_one_thread


def lidar_odometry(
    kitti: Annotated[Path | None, typer.Option(help="KITTI directory: odometry, tracking or raw layout.")] = None,
    sequence: Annotated[str, typer.Option(help="Which sequence of --kitti: NN.")] = "00",
    poses: Annotated[Path | None, typer.Option(help="Poses of the scans; the odometry layout includes them.")] = None,
    world: Annotated[str | None, typer.Option(help="Name of a simulated world instead.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --world.")] = 0,
    scans: Annotated[int, typer.Option(min=2, help="Scans of --world, ten a second.")] = 300,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Drift, errors inside two sigma for each axis, scans that leave a direction free, time on one thread.

    Beside the errors of steps are those of predictors that do not look: one stands, one keeps its true velocity.
    """
    use_one_thread()
    with clear_errors():
        if (kitti is None) == (world is None):
            raise ValueError("name the data: one of --kitti and --world")
        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.lidar_odometry.drives import recorded_drive, simulated_drive
        from isometry.evaluation.lidar_odometry.measure import figures, measure
        from isometry.lidar_odometry.parameters import LidarOdometryParameters
        from isometry.lidar_odometry.pipeline import LidarOdometry

        if kitti is not None:
            drive, data = recorded_drive(kitti, sequence, poses), f"{kitti.resolve().name}/{sequence}"
        else:
            assert world is not None
            drive, data = simulated_drive(world, seed, scans), f"world {world} seed {seed} scans {scans}"
        with progress_bar("odometry") as advance:
            driven = measure(drive, LidarOdometry(LidarOdometryParameters()), advance)
        origin, result = provenance(data, "none", "none"), figures(driven)
        if report is not None:
            from isometry.evaluation.lidar_odometry.report import write_report

            write_report(report, result, origin, driven)
        publish(origin | result, json_file, unprinted=origin)
