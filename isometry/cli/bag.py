"""`isometry bag`: rosbag2 files out of published data sets, and a check of those that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors, progress_bar

app = typer.Typer(no_args_is_help=True, help="Make and check rosbag2 files.")


@app.command("from-kitti")
def from_kitti(
    out: Annotated[Path, typer.Argument(help="Directory to write; must not exist.")],
    kitti: Annotated[Path, typer.Option(help="KITTI odometry directory: sequences/ and poses/.")],
    sequence: Annotated[str, typer.Option(help="Sequence, such as 05.")],
    scans_from: Annotated[str | None, typer.Option(help="Take the scans of this sequence instead.")] = None,
    frames: Annotated[str, typer.Option(help="A:B, which scans.")] = ":",
    odometry_drift: Annotated[float, typer.Option(min=0.0, help="Odometry error, % of the distance.")] = 0.0,
    odometry_drift_deg: Annotated[float, typer.Option(min=0.0, help="Odometry error, degrees per 100 m.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the odometry's errors.")] = 0,
) -> None:
    """Write a drive as rosbag2 (mcap): points, tf, tf_static, odom and ground truth."""
    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.datasets.odometry import OdometryDrift
    from isometry.datasets.rosbag.drive import write_drive

    with clear_errors(), progress_bar(f"writing {out.name}") as advance:
        chosen = parse_frames(frames)
        drive = KittiOdometry(kitti, sequence, scans_from)
        drift = OdometryDrift(odometry_drift / 100.0, odometry_drift_deg, seed)
        write_drive(out, drive, chosen, drift, advance)


@app.command("from-kitti-tracking")
def from_kitti_tracking(
    out: Annotated[Path, typer.Argument(help="Directory to write; must not exist.")],
    kitti_tracking: Annotated[Path, typer.Option(help="KITTI tracking directory: label_02/, calib/, velodyne/.")],
    sequence: Annotated[str, typer.Option(help="Sequence, such as 0.")],
    detections: Annotated[str, typer.Option(help="Name of a detector's detections to write too.")] = "",
    poses: Annotated[Path | None, typer.Option(help="LiDAR poses, as odometry; none if left out.")] = None,
) -> None:
    """Write a sequence as rosbag2 (mcap): points, detections, and with poses tf and odom."""
    from isometry.datasets.kitti.scans import read_poses
    from isometry.datasets.kitti.tracking import KittiTracking
    from isometry.datasets.rosbag.tracking import write_tracking

    with clear_errors(), progress_bar(f"writing {out.name}") as advance:
        tracking = KittiTracking(kitti_tracking, sequence)
        write_tracking(out, tracking, detections, None if poses is None else read_poses(poses), advance)


@app.command("from-bop")
def from_bop(
    out: Annotated[Path, typer.Argument(help="Directory to write; must not exist.")],
    bop: Annotated[Path, typer.Option(help="Data set in BOP's layout: models and test/NNNNNN.")],
    scene: Annotated[int | None, typer.Option(min=0, help="Number of the scene; the first if not given.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Frames a second.")] = 10.0,
) -> None:
    """Write a scene as rosbag2 (mcap): image, depth, camera_info, and from the labelled masks labels and boxes."""
    from isometry.datasets.bop.scenes import open_scenes
    from isometry.datasets.rosbag.bop import write_bop_scene

    with clear_errors(), progress_bar(f"writing {out.name}") as advance:
        write_bop_scene(out, open_scenes(bop, scene)[0], rate, advance)


@app.command("from-rgbd")
def from_rgbd(
    out: Annotated[Path, typer.Argument(help="Directory to write; must not exist.")],
    seven_scenes: Annotated[Path | None, typer.Option(help="Scene in 7-Scenes' layout: seq-NN folders.")] = None,
    tum: Annotated[Path | None, typer.Option(help="Recording in TUM's layout: rgb.txt, depth.txt.")] = None,
    walk: Annotated[int, typer.Option(min=0, help="Which walk of a scene, from 0.")] = 0,
    frames: Annotated[str, typer.Option(help="A:B, which frames.")] = ":",
) -> None:
    """Write a walk as rosbag2 (mcap): image, depth, their camera_info, and ground truth where it is known."""
    from isometry.datasets.rgbd.seven_scenes import open_seven_scenes
    from isometry.datasets.rgbd.tum import open_tum
    from isometry.datasets.rosbag.rgbd import write_camera_recording

    with clear_errors(), progress_bar(f"writing {out.name}") as advance:
        chosen = parse_frames(frames)
        if (seven_scenes is None) == (tum is None):
            raise ValueError("name the recording: either --seven-scenes or --tum")
        walks = [] if seven_scenes is None else open_seven_scenes(seven_scenes)
        walks += [] if tum is None else [open_tum(tum)]
        if walk >= len(walks):
            raise ValueError(f"--walk {walk}: {seven_scenes or tum} has {len(walks)}, from 0")
        write_camera_recording(out, walks[walk], chosen, advance)


@app.command()
def info(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1.")],
) -> None:
    """Read a bag whole and list its topics."""
    from rich.console import Console
    from rich.table import Table

    from isometry.datasets.rosbag.reader import summarise

    with clear_errors():
        summary = summarise(path)
    table = Table("topic", "type", "messages", title=f"{path} ({summary.duration_s:.1f} s)")
    for topic, (kind, count) in summary.topics.items():
        table.add_row(topic, kind, str(count))
    Console().print(table)
