"""`isometry evaluate mapping`: a drive with drifting odometry, corrected by loop closures."""

from __future__ import annotations

from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors
from isometry.cli.common.results import Json, publish
from isometry.cli.evaluate.options import Kitti, Sequence


def mapping(
    kitti: Kitti,
    sequence: Sequence,
    frames: Annotated[str, typer.Option(help="Frames A:B of the drive, without B.")] = ":",
    every: Annotated[int, typer.Option(min=1, help="Use only every K-th scan.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the odometry's drift; the first one with --seeds.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat the drive for so many seeds.")] = 1,
    odometry_drift: Annotated[float, typer.Option(min=0.01, help="Percent of the distance.")] = 1.0,
    odometry_drift_deg: Annotated[float, typer.Option(min=0.01, help="Degrees per 100 m.")] = 1.0,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
    json_file: Json = None,
) -> None:
    """Path error of a drive with drifting odometry, before and after loop closures; accepted wrong loops."""
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
        publish(result, json_file)
