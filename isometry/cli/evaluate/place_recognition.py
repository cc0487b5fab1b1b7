"""`isometry evaluate place-recognition`: a drive, of which some frames are the database and others queries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors
from isometry.cli.common.providers import Provider, ProviderOptions
from isometry.cli.common.results import Json, publish
from isometry.cli.evaluate.options import Model, World, WorldSeed

if TYPE_CHECKING:
    from isometry.place_recognition.encoder import BirdsEyeEncoder
    from isometry.place_recognition.pipeline import PlaceRecognizer


def place_recognition(
    kitti: Annotated[
        Path | None, typer.Option(help="KITTI odometry directory, with sequences/NN and poses/NN.txt.")
    ] = None,
    sequence: Annotated[str, typer.Option(help="Which sequence of --kitti: NN.")] = "00",
    database: Annotated[str, typer.Option(help="Frames A:B of --kitti for the database, without B.")] = ":",
    queries: Annotated[str, typer.Option(help="Frames C:D of --kitti that are queries, without D.")] = ":",
    world: World = None,
    seed: WorldSeed = 0,
    spacing: Annotated[float, typer.Option(min=0.1, help="Metres between scans in --world.")] = 2.0,
    revisit_radius: Annotated[
        float, typer.Option(min=0.0, help="Metres from the query within which a place is right.")
    ] = 5.0,
    exclude_revisits: Annotated[
        float,
        typer.Option(min=0.0, help="Hide the frames within so many metres from each query: what is found is wrong."),
    ] = 0.0,
    yaw: Annotated[float, typer.Option(help="Degrees by which every query is turned.")] = 0.0,
    yaw_sweep: Annotated[int, typer.Option(min=0, help="Turn the queries by so many yaws over the full circle.")] = 0,
    scans_from: Annotated[str | None, typer.Option(help="Take the scans of this sequence instead.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Use only every K-th query.")] = 1,
    model: Model = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    ground_height: Annotated[
        float, typer.Option(help="Metres, z of the ground in the LiDAR frame of --kitti.")
    ] = -1.73,
    json_file: Json = None,
) -> None:
    """Recall of retrieval and after verification, pose errors, wrong acceptances, times.

    --kitti: frames of one drive. With --exclude-revisits no query has a revisit, and nothing may be accepted.

    --world: a simulated world; the second of two drives is the queries. Part of the route is not in the memory, places
    like it are. Figures also by what can be known: places that no sensor can tell apart must be refused.
    """
    if (kitti is None) == (world is None):
        raise typer.BadParameter("name the data: one of --kitti, --world")
    if world is not None and (exclude_revisits or yaw or yaw_sweep or scans_from):
        raise typer.BadParameter("--exclude-revisits, --yaw, --yaw-sweep and --scans-from are for --kitti")
    if exclude_revisits and (yaw or yaw_sweep):
        raise typer.BadParameter("--exclude-revisits cannot be combined with --yaw or --yaw-sweep")
    with clear_errors():
        from isometry.evaluation.common.provenance import provenance
        from isometry.inference import ProviderParameters
        from isometry.place_recognition.baseline import load_encoder

        encoder = load_encoder(model, ProviderParameters(provider, provider_options))
        if world is not None:
            result = _world(world, seed, spacing, every, revisit_radius, encoder)
            data = f"world {world} seed {seed} spacing {spacing:g} every {every}"
        else:
            assert kitti is not None
            yaws = [yaw + 360.0 * k / yaw_sweep for k in range(yaw_sweep)] if yaw_sweep else [yaw]
            recognizer = _recognizer(encoder, ground_height)
            frames = database, queries, every
            result = _kitti(kitti, sequence, scans_from, frames, recognizer, revisit_radius, yaws, exclude_revisits)
            excluded = f" without frames within {exclude_revisits:g} m" if exclude_revisits else ""
            chosen = f"database {database} queries {queries} every {every}{excluded}"
            data = f"{kitti.name}/{scans_from or sequence} poses {sequence} {chosen}"
        origin = provenance(data, encoder.name, encoder.sha256) | {"provider": encoder.provider}
        publish(origin | result, json_file, unprinted={"yaw_sweep"})


def _recognizer(encoder: BirdsEyeEncoder, ground_height: float) -> PlaceRecognizer:
    """A recogniser with an empty memory, from which revisits can be hidden."""
    from isometry.evaluation.place_recognition.measure import ScreenedMemory
    from isometry.place_recognition.parameters import PlaceRecognitionParameters
    from isometry.place_recognition.pipeline import PlaceRecognizer

    memory = ScreenedMemory(encoder.sha256, encoder.descriptor_size)
    return PlaceRecognizer(encoder, memory, PlaceRecognitionParameters(ground_height=ground_height))


def _world(
    name: str, seed: int, spacing: float, every: int, revisit_radius: float, encoder: BirdsEyeEncoder
) -> dict[str, Any]:
    from rich.progress import track

    from isometry.evaluation.place_recognition.drives import WorldDrive
    from isometry.evaluation.place_recognition.evaluate import evaluate_world
    from isometry.simulation.worlds.registry import build_world

    drive = WorldDrive(build_world(name, seed), seed, spacing)
    recognizer = _recognizer(encoder, ground_height=0.0)
    return evaluate_world(drive, every, recognizer, revisit_radius, lambda rows: track(rows, "scans"))


def _kitti(
    kitti: Path,
    sequence: str,
    scans_from: str | None,
    frames: tuple[str, str, int],
    recognizer: PlaceRecognizer,
    revisit_radius: float,
    yaws_deg: list[float],
    exclude_revisits: float,
) -> dict[str, Any]:
    """The figures of a recorded drive; `frames` are those of the database, those of queries, and every so many-th."""
    from rich.progress import track

    from isometry.datasets.kitti.odometry import KittiOdometry
    from isometry.evaluation.place_recognition.drives import RecordedDrive
    from isometry.evaluation.place_recognition.evaluate import evaluate, evaluate_elsewhere

    dataset = KittiOdometry(kitti, sequence, scans_from)
    database, queries = (range(len(dataset))[parse_frames(text)] for text in frames[:2])
    queries = queries[:: frames[2]]
    drive = RecordedDrive.of(dataset, lambda rows: track(rows, "measuring turns"))
    if exclude_revisits:
        return evaluate_elsewhere(
            drive, database, queries, recognizer, exclude_revisits, lambda rows: track(rows, "scans")
        )
    return evaluate(drive, database, queries, recognizer, revisit_radius, yaws_deg, lambda rows: track(rows, "scans"))
