"""`isometry run`: a node on a bag, with figures and a report, or beside a robot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_settings
from isometry.cli.common.browser import Port
from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.replay import GROUND_TRUTH, Out, Rate, replay_and_report

app = typer.Typer(
    no_args_is_help=True,
    help="Run a node: on a bag (--bag) with figures and a report, or on the topics of a robot until Ctrl-C.",
)
Bag = Annotated[
    Path | None, typer.Option(help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1; else a robot's topics.")
]
Points = Annotated[str, typer.Option(help="Topic of the scans, when the bag has several.")]
Odom = Annotated[str, typer.Option(help="Topic of nav_msgs/Odometry, when the bag has several.")]
Imu = Annotated[str, typer.Option(help="Topic of sensor_msgs/Imu, when the bag has several.")]
Truth = Annotated[str, typer.Option(help="Topic of the true poses in the bag.")]
Parameter = Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the node; may be repeated.")]
View = Annotated[bool, typer.Option("--view", help="Show the replay in the browser afterwards (needs viser).")]


@app.command("depth-egomotion")
def depth_egomotion(
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    image: Annotated[str, typer.Option(help="Topic of the colour or grey image, when the bag has several.")] = "",
    depth: Annotated[str, typer.Option(help="Topic of the depth image, when the bag has several.")] = "",
    truth: Truth = GROUND_TRUTH,
    parameter: Parameter = None,
    view: View = False,
    port: Port = 8080,
) -> None:
    """Follow a camera with depth; --parameter mode=mono: without."""
    topics = {"image": image, "depth": depth}
    _run("depth_egomotion", bag, out, rate, topics, {}, parameter, truth, port if view else None)


@app.command("lidar-odometry")
def lidar_odometry(
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Points = "",
    truth: Truth = GROUND_TRUTH,
    parameter: Parameter = None,
    view: View = False,
    port: Port = 8080,
) -> None:
    """Estimate the motion of a LiDAR from its points alone."""
    _run("lidar_odometry", bag, out, rate, {"points": points}, {}, parameter, truth, port if view else None)


@app.command("object-pose")
def object_pose(
    objects: Annotated[Path, typer.Option(help="Folder of the meshes of known objects.")],
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    image: Annotated[str, typer.Option(help="Topic of the colour image, when the bag has several.")] = "",
    depth: Annotated[str, typer.Option(help="Topic of the depth image, when the bag has several.")] = "",
    detections: Annotated[str, typer.Option(help="Topic of the boxes, when the bag has several.")] = "",
    labels: Annotated[str, typer.Option(help="Topic of a label image to use instead of boxes.")] = "",
    parameter: Parameter = None,
) -> None:
    """Find the poses of known objects in the boxes or labels of a detector; --parameter input=none: without one."""
    from isometry.datasets.mesh_file import read_mesh
    from isometry.object_pose.library import load_object, mesh_files

    with clear_errors():
        for path in mesh_files(objects):  # before the node starts, so that it need not be waited for
            with progress_bar(f"preparing {path.stem}") as advance:
                load_object(path, read_mesh, advance)
    topics = {"image": image, "depth": depth, "detections": detections, "labels": labels}
    defaults = {"objects": str(objects.resolve())} | ({"input": "labels"} if labels else {})
    _run("object_pose", bag, out, rate, topics, defaults, parameter, GROUND_TRUTH, None)


@app.command("place-recognition")
def place_recognition(
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Points = "",
    odom: Odom = "",
    imu: Imu = "",
    model: Annotated[str, typer.Option(help="Model file; empty: the one that comes with the package.")] = "",
    truth: Truth = GROUND_TRUTH,
    parameter: Parameter = None,
    view: View = False,
    port: Port = 8080,
) -> None:
    """Recognise places, and correct the map by the loops."""
    topics = {"points": points, "odom": odom, "imu": imu}
    defaults = {"model_file": model} if model else {}
    _run("place_recognition", bag, out, rate, topics, defaults, parameter, truth, port if view else None)


@app.command("relocalization")
def relocalization(
    map_file: Annotated[Path, typer.Option("--map", help="Cloud (PCD, PLY, LAS, LAZ), or place memory (.places).")],
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Points = "",
    odom: Odom = "",
    imu: Imu = "",
    truth: Truth = GROUND_TRUTH,
    parameter: Parameter = None,
    view: View = False,
    port: Port = 8080,
) -> None:
    """Find a robot in a map, and follow it there."""
    with clear_errors():
        if not map_file.is_file():
            raise ValueError(f"{map_file}: no such file")
    topics = {"points": points, "odom": odom, "imu": imu}
    defaults = {"memory_file" if map_file.suffix == ".places" else "map_file": str(map_file.resolve())}
    _run("relocalization", bag, out, rate, topics, defaults, parameter, truth, port if view else None)


@app.command("tracking")
def tracking(
    bag: Bag = None,
    out: Out = Path("out"),
    rate: Rate = 1.0,
    points: Points = "",
    odom: Odom = "",
    detections: Annotated[str, typer.Option(help="Topic of vision_msgs/Detection3DArray to track instead.")] = "",
    parameter: Parameter = None,
    view: View = False,
    port: Port = 8080,
) -> None:
    """Track moving objects, in scans or from the boxes of a detector."""
    topics = {"points": points, "odom": odom, "detections": detections}
    defaults = {"input": "detections"} if detections and bag is None else {}
    _run("tracking", bag, out, rate, topics, defaults, parameter, GROUND_TRUTH, port if view else None)


def _run(
    node: str,
    bag: Path | None,
    out: Path,
    rate: float,
    topics: Mapping[str, str],
    defaults: Mapping[str, str],
    settings: list[str] | None,
    truth: str,
    port: int | None,
) -> None:
    """Replay a bag, report, and show it in the browser at `port`; without a bag, run beside a robot.

    `topics` by the name of the input; `settings` are NAME=VALUE of the node and come before the `defaults`.
    """
    from isometry.cli.common.live import watch_node
    from isometry.evaluation.replay.inputs import Topics

    with clear_errors():
        parameters = {**defaults, **parse_settings("--parameter", settings or [])}
        named = Topics(**topics)
        if bag is not None:
            replay_and_report(node, bag, out, rate, named, parameters, truth, port)
        elif port is not None:
            raise ValueError("--view shows a replay: give a --bag too, or start RViz with the launch file of the node")
        else:
            watch_node(node, out / "node.log", named, parameters)
