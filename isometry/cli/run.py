"""`isometry run` and `isometry demo`: a bag through the real node, the figures, and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.arguments import parse_frames, parse_settings
from isometry.cli.common.progress import clear_errors, progress_bar

if TYPE_CHECKING:
    from isometry.evaluation.replay.recording import NodeRecording

app = typer.Typer(no_args_is_help=True, help="Replay a bag through a node and report its answers.")
Out = Annotated[Path, typer.Option(help="Folder for the report and what is kept for the next time.")]
Rate = Annotated[float, typer.Option(min=0.0, help="Times real time; 0 = as fast as the node answers.")]


@app.command("place-recognition")
def place_recognition(
    bag: Annotated[Path, typer.Option(help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1.")],
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Annotated[str, typer.Option(help="Topic of the scans, when the bag has several.")] = "",
    model: Annotated[str, typer.Option(help="Model file; empty: the one that comes with the package.")] = "",
) -> None:
    """Replay a rosbag2 through the place-recognition node, in its own process over DDS."""
    with clear_errors():
        _report_place_recognition(bag, out, rate, points, {"model_file": model} if model else {})


@app.command("tracking")
def tracking(
    bag: Annotated[Path, typer.Option(help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1.")],
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Annotated[str, typer.Option(help="Topic of the scans, when the bag has several.")] = "",
    detections: Annotated[str, typer.Option(help="Topic of vision_msgs/Detection3DArray to track instead.")] = "",
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the node; may be repeated.")] = None,
) -> None:
    """Replay a rosbag2 through the tracking node, in its own process over DDS."""
    from isometry.evaluation.replay.replay import replay_tracking
    from isometry.evaluation.replay.tracking.figures import figures
    from isometry.evaluation.replay.tracking.report import headline, write_report

    with clear_errors():
        parameters = parse_settings("--parameter", parameter or [])
        with progress_bar(f"replaying {bag.name}") as advance:
            recording = replay_tracking(bag, out / "node.log", rate, points, detections, parameters, advance)
        recording.save(out / "recording.npz")
        measured = figures(recording)
        page = write_report(out, measured, _provenance(bag, rate, recording), recording)
        _print(headline(measured), page)


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
    with clear_errors():
        chosen = parse_frames(frames)
        out.mkdir(parents=True, exist_ok=True)
        bag = _bag(kitti, sequence, chosen, out, seed)
        _report_place_recognition(bag, out, rate, "", {})


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


def _report_place_recognition(bag: Path, out: Path, rate: float, points: str, parameters: dict[str, Any]) -> None:
    from isometry.evaluation.replay.place_recognition.judgement import figures, judge
    from isometry.evaluation.replay.place_recognition.report import headline, write_report
    from isometry.evaluation.replay.replay import replay_place_recognition
    from isometry.place_recognition.mapping import PlaceMapperParameters

    with progress_bar(f"replaying {bag.name}") as advance:
        recording = replay_place_recognition(bag, out / "node.log", rate, points, parameters, advance)
    recording.save(out / "recording.npz")
    judgement = judge(bag, recording, PlaceMapperParameters())
    measured = figures(recording, judgement)
    page = write_report(out, measured, _provenance(bag, rate, recording), recording, judgement)
    _print(headline(measured), page)


def _provenance(bag: Path, rate: float, recording: NodeRecording) -> dict[str, Any]:
    from isometry.evaluation.common.provenance import provenance

    model, sha256 = (recording.diagnostics.get(name, "unknown") for name in ("model", "model_sha256"))
    return provenance(f"{bag.name}, replayed at rate {rate:g}", model, sha256)


def _print(headline: list[tuple[str, str]], page: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for value, label in headline:
        table.add_row(label, f"[bold]{value}[/bold]")
    console = Console()
    console.print(table)
    console.print(f"report: {page.resolve()}", soft_wrap=True, highlight=False)
