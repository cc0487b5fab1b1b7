"""`isometry evaluate TASK ... --json FILE`: exits 0 when it measured, 1 with one line when it could not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isometry.cli.common.frames import parse_frames
from isometry.cli.common.progress import clear_errors
from isometry.cli.evaluate.flow_memory import flow_memory
from isometry.cli.evaluate.moving_digits import moving_digits
from isometry.cli.evaluate.prediction import prediction
from isometry.cli.evaluate.registration import registration
from isometry.cli.evaluate.tracking import tracking

app = typer.Typer(help="Measure a capability on recorded data.", no_args_is_help=True)
app.command("registration")(registration)
app.command("moving-digits")(moving_digits)
app.command("tracking")(tracking)
app.command("prediction")(prediction)
app.command("flow-memory")(flow_memory)

Kitti = Annotated[Path, typer.Option(help="KITTI odometry directory, with sequences/NN and poses/NN.txt.")]
Sequence = Annotated[str, typer.Option(help="Which sequence: NN.")]
Model = Annotated[Path | None, typer.Option(help="Another model file, or `fourier` for the baseline.")]
Json = Annotated[Path | None, typer.Option("--json", help="Where the figures are written.")]


@app.command("place-recognition")
def place_recognition(
    kitti: Kitti,
    sequence: Sequence,
    database: Annotated[str, typer.Option(help="Frames A:B that are remembered, B left out.")],
    queries: Annotated[str, typer.Option(help="Frames C:D that are asked for.")],
    revisit_radius: Annotated[float, typer.Option(help="Metres within which a place counts as found.")] = 5.0,
    yaw: Annotated[float, typer.Option(help="Degrees by which every query is turned.")] = 0.0,
    yaw_sweep: Annotated[int, typer.Option(help="Turn the queries by this many yaws over the full circle.")] = 0,
    scans_from: Annotated[str | None, typer.Option(help="Take the scans of this sequence instead.")] = None,
    every: Annotated[int, typer.Option(help="Ask only every K-th query.")] = 1,
    model: Model = None,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
    json_file: Json = None,
) -> None:
    """Recall of retrieval and after verification, pose errors, wrong acceptances, times."""
    from rich.progress import track

    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.place_recognition import measure as evaluation
    from isometry.place_recognition.baseline import load_encoder
    from isometry.place_recognition.memory import PlaceMemory
    from isometry.place_recognition.parameters import PlaceRecognitionParameters
    from isometry.place_recognition.pipeline import PlaceRecognizer

    with clear_errors():
        dataset = KittiOdometry(kitti, sequence, scans_from)
        remembered, asked = (range(len(dataset))[parse_frames(text)] for text in (database, queries))
        encoder = load_encoder(model)
        memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
        recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters(ground_height=ground_height))
        drive = evaluation.Drive.of(dataset, lambda rows: track(rows, "measuring turns"))
        yaws = [yaw + 360.0 * k / yaw_sweep for k in range(yaw_sweep)] if yaw_sweep else [yaw]
        result = evaluation.evaluate(
            drive, remembered, asked[::every], recognizer, revisit_radius, yaws, lambda rows: track(rows, "scans")
        )
        frames = f"database {database} queries {queries} every {every}"
        data = f"{kitti.name}/{scans_from or sequence} poses {sequence} {frames}"
        _publish(provenance(data, encoder.name, encoder.sha256) | result, json_file)


@app.command("mapping")
def mapping(
    kitti: Kitti,
    sequence: Sequence,
    frames: Annotated[str, typer.Option(help="Frames A:B that are driven, B left out.")] = ":",
    every: Annotated[int, typer.Option(min=1, help="Drive only every K-th scan.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Which drift of the odometry; the first one with --seeds.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Drive so often, each time with the drift of the next seed.")] = 1,
    odometry_drift: Annotated[float, typer.Option(min=0.01, help="Percent of the distance.")] = 1.0,
    odometry_drift_deg: Annotated[float, typer.Option(min=0.01, help="Degrees per 100 m.")] = 1.0,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
    json_file: Json = None,
) -> None:
    """Path error of a drive with drifting odometry, before and after correction by places; wrong loops let in."""
    from rich.progress import track

    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.datasets.odometry import OdometryDrift
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.place_recognition.mapping import evaluate_mapping, summary
    from isometry.place_recognition.encoder import BirdsEyeEncoder
    from isometry.place_recognition.mapping import PlaceMapperParameters
    from isometry.place_recognition.memory import PlaceMemory
    from isometry.place_recognition.parameters import PlaceRecognitionParameters
    from isometry.place_recognition.pipeline import PlaceRecognizer
    from isometry.place_recognition.pose_graph import PoseGraphParameters

    with clear_errors():
        dataset = KittiOdometry(kitti, sequence)
        driven = range(len(dataset))[parse_frames(frames)][::every]
        if not driven:
            raise ValueError(f"--frames {frames} --every {every} leave {len(driven)} of {len(dataset)} scans to drive")
        encoder = BirdsEyeEncoder.load()
        drives = [
            evaluate_mapping(
                dataset,
                driven,
                PlaceRecognizer(
                    encoder,
                    PlaceMemory(encoder.sha256, encoder.descriptor_size),
                    PlaceRecognitionParameters(ground_height=ground_height),
                ),
                OdometryDrift(odometry_drift / 100.0, odometry_drift_deg, number),
                PlaceMapperParameters(),
                PoseGraphParameters(translation_drift_percent=odometry_drift, rotation_drift_deg=odometry_drift_deg),
                lambda rows: track(rows, "scans"),
            )
            for number in range(seed, seed + seeds)
        ]
        drift = f"drift {odometry_drift:g} % {odometry_drift_deg:g} deg/100m"
        data = f"{kitti.name}/{sequence} frames {frames} every {every} {drift}"
        result = provenance(data, encoder.name, encoder.sha256) | {"summary": summary(drives), "drives": drives}
        _publish(result, json_file)


@app.command("place-recognition-2d")
def place_recognition_2d(
    carmen: Annotated[Path, typer.Option(help="CARMEN log of a planar laser, plain or .bz2.")],
    relations: Annotated[Path, typer.Option(help="Checked relations: two times, x, y, z, roll, pitch, yaw a line.")],
    scale: Annotated[float, typer.Option(min=0.1, help="Lengths are multiplied by this: rooms become streets.")] = 3.0,
    submap: Annotated[float, typer.Option(min=0.0, help="Join the scans of the last so many metres of travel.")] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Ask only every K-th query.")] = 1,
    model: Model = None,
    json_file: Json = None,
) -> None:
    """Recall at the revisits of a planar laser, of retrieval and after verification."""
    from rich.progress import track

    from isometry.datasets.carmen import read_log, read_relations
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.place_recognition import laser2d
    from isometry.place_recognition.baseline import load_encoder

    with clear_errors():
        log = read_log(carmen)
        checked = read_relations(relations, log)
        encoder = load_encoder(model)
        clouds = laser2d.LaserClouds(log, scale, submap)
        result = laser2d.evaluate(clouds, checked, encoder, every, lambda rows: track(rows, "scans"))
        data = f"{carmen.name} {relations.name} scale {scale:g} submap {submap:g} every {every}"
        _publish(provenance(data, encoder.name, encoder.sha256) | result, json_file)


def _publish(result: dict[str, Any], json_file: Path | None) -> None:
    from rich import print_json

    from isometry.evaluation.common.provenance import write_json

    if json_file is not None:
        write_json(json_file, result)
    print_json(data={k: v for k, v in result.items() if k != "yaw_sweep"})
