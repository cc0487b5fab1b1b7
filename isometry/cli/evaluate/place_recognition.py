"""`isometry evaluate place-recognition`: a drive, of which some frames are the database and others queries."""

from __future__ import annotations

from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors
from isometry.cli.common.providers import Provider, ProviderOptions
from isometry.cli.common.results import Json, publish
from isometry.cli.evaluate.options import Kitti, Model, Sequence


def place_recognition(
    kitti: Kitti,
    sequence: Sequence,
    database: Annotated[str, typer.Option(help="Frames A:B of the database, without B.")],
    queries: Annotated[str, typer.Option(help="Frames C:D that are queries, without D.")],
    revisit_radius: Annotated[
        float, typer.Option(min=0.0, help="Metres from the query within which a place is right.")
    ] = 5.0,
    yaw: Annotated[float, typer.Option(help="Degrees by which every query is turned.")] = 0.0,
    yaw_sweep: Annotated[int, typer.Option(min=0, help="Turn the queries by so many yaws over the full circle.")] = 0,
    scans_from: Annotated[str | None, typer.Option(help="Take the scans of this sequence instead.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Use only every K-th query.")] = 1,
    model: Model = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
    json_file: Json = None,
) -> None:
    """Recall of retrieval and after verification, pose errors, wrong acceptances, times."""
    from rich.progress import track

    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.place_recognition import measure as evaluation
    from isometry.inference import ProviderParameters
    from isometry.place_recognition.baseline import load_encoder
    from isometry.place_recognition.memory import PlaceMemory
    from isometry.place_recognition.parameters import PlaceRecognitionParameters
    from isometry.place_recognition.pipeline import PlaceRecognizer

    with clear_errors():
        dataset = KittiOdometry(kitti, sequence, scans_from)
        database_rows, query_rows = (range(len(dataset))[parse_frames(text)] for text in (database, queries))
        encoder = load_encoder(model, ProviderParameters(provider, provider_options))
        memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
        recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters(ground_height=ground_height))
        drive = evaluation.Drive.of(dataset, lambda rows: track(rows, "measuring turns"))
        yaws = [yaw + 360.0 * k / yaw_sweep for k in range(yaw_sweep)] if yaw_sweep else [yaw]
        result = evaluation.evaluate(
            drive,
            database_rows,
            query_rows[::every],
            recognizer,
            revisit_radius,
            yaws,
            lambda rows: track(rows, "scans"),
        )
        frames = f"database {database} queries {queries} every {every}"
        data = f"{kitti.name}/{scans_from or sequence} poses {sequence} {frames}"
        origin = provenance(data, encoder.name, encoder.sha256) | {"provider": encoder.provider}
        publish(origin | result, json_file, unprinted={"yaw_sweep"})
