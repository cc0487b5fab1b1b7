"""`isometry demo`: what place recognition does, on a simulated drive or on one of KITTI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.replay import Out, Rate, replay_and_report


def demo(
    kitti: Annotated[Path | None, typer.Option(help="KITTI odometry directory; without it, a simulated drive.")] = None,
    sequence: Annotated[str, typer.Option(help="Sequence of the KITTI directory, such as 05.")] = "00",
    frames: Annotated[str, typer.Option(help="A:B, which scans.")] = ":",
    out: Out = Path("out"),
    rate: Rate = 1.0,
    seed: Annotated[int, typer.Option(help="Of the simulated drive and of the odometry's drift.")] = 0,
) -> None:
    """Show what place recognition does: make a bag of a drive, replay it through the node, write a report.

    Odometry drifts by 1 % and by 1 degree per 100 m, as the loops are there to correct.
    """
    from isometry.evaluation.replay.inputs import Topics

    with clear_errors():
        chosen = parse_frames(frames)
        out.mkdir(parents=True, exist_ok=True)
        bag = _bag(kitti, sequence, chosen, out, seed)
        replay_and_report("place_recognition", bag, out, rate, Topics(), {})


def _bag(kitti: Path | None, sequence: str, frames: slice, out: Path, seed: int) -> Path:
    """The bag of a drive, written unless it is there already; a simulated drive is made first, in the same way."""
    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.datasets.odometry import OdometryDrift
    from isometry.datasets.rosbag.drive import write_drive

    part = f"{frames.start or 0}-{frames.stop or 'end'}"
    name = f"simulated_{seed}" if kitti is None else f"{kitti.resolve().name}_{sequence}"
    bag = out / f"{name}_{part}_drift_{seed}"
    if bag.exists():
        return bag
    root = _simulated(out / name, sequence, seed) if kitti is None else kitti
    drive = KittiOdometry(root, sequence)
    with progress_bar(f"writing {bag.name}") as advance:
        write_drive(bag, drive, frames, OdometryDrift(seed=seed), advance)
    return bag


def _simulated(root: Path, sequence: str, seed: int) -> Path:
    from isometry.simulation.drive import SimulatedDrive, write_simulated_drive

    if not root.exists():
        with progress_bar("simulating a drive") as advance:
            write_simulated_drive(root, SimulatedDrive(seed=seed), sequence, advance)
    return root
