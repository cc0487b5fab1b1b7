"""`isometry train place-recognition`, and `calibration` of its confidence and covariance."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar

DEFAULT_WORLDS = "hedged-road", "row-houses"  # that the calibration is fitted to


def place_recognition(
    kitti: Annotated[Path, typer.Option(help="KITTI odometry directory.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    sequence: Annotated[str, typer.Option(help="The drive to train on.")] = "00",
    first_frame: Annotated[int, typer.Option(help="Frames before are skipped (00: poses 0-13 are bad).")] = 14,
    validate_on: Annotated[str | None, typer.Option(help="A drive on which recall is logged: NN.")] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 2400,
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train the bird's-eye encoder on one drive; writes log.csv, checkpoint.pt and place_recognition.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from rich.progress import track

        from isometry.datasets.kitti.odometry import KittiOdometry
        from isometry.training.place_recognition.drives import load_drive
        from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters
        from isometry.training.place_recognition.train import train
        from isometry.training.place_recognition.trained import save_trained
        from isometry.training.place_recognition.validation import Validation

        torch.set_num_threads(threads)
        parameters = PlaceRecognitionTrainingParameters(steps=steps, seed=seed)
        frames = slice(first_frame, None)
        drive = load_drive(KittiOdometry(kitti, sequence), frames, ground_height, lambda rows: track(rows, "reading"))
        validation = None
        if validate_on is not None:
            validation = Validation(load_drive(KittiOdometry(kitti, validate_on), slice(None), ground_height))
        with progress_bar("training place recognition") as advance:
            network = train(drive, parameters, output, validation, resume, advance)
        save_trained(network, drive, parameters, output / "place_recognition.pt")


def calibration(
    kitti: Annotated[Path, typer.Option(help="KITTI odometry directory.")],
    database: Annotated[str, typer.Option(help="Frames A:B of the database.")] = "14:3000",
    queries: Annotated[str, typer.Option(help="Frames C:D of the queries.")] = "3200:4541",
    sequence: Annotated[str, typer.Option(help="The drive that the network was trained on.")] = "00",
    world: Annotated[
        list[str] | None, typer.Option(help="A simulated world; by default two that repeat themselves.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the worlds.")] = 1,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
) -> None:
    """Print the constants of place_recognition/calibration.py, fitted to a drive and to simulated worlds."""
    with clear_errors():
        from rich.progress import track

        from isometry.datasets.kitti.odometry import KittiOdometry
        from isometry.evaluation.place_recognition.drives import RecordedDrive
        from isometry.evaluation.place_recognition.measure import ScreenedMemory
        from isometry.place_recognition.encoder import BirdsEyeEncoder
        from isometry.place_recognition.parameters import PlaceRecognitionParameters
        from isometry.place_recognition.pipeline import PlaceRecognizer
        from isometry.training.place_recognition import calibration as fits

        drive = RecordedDrive.of(KittiOdometry(kitti, sequence))
        frames = range(len(drive.dataset))
        rows = fits.Sampling(frames[parse_frames(database)], frames[parse_frames(queries)])
        encoder = BirdsEyeEncoder.load()

        def recogniser(ground: float) -> PlaceRecognizer:
            # everything is accepted, so that every pose has gone through the registration
            parameters = PlaceRecognitionParameters(ground_height=ground, least_confidence=0.0)
            return PlaceRecognizer(encoder, ScreenedMemory(encoder.sha256, encoder.descriptor_size), parameters)

        revisits = fits.revisit_results(drive, recogniser(ground_height), rows, lambda k: track(k, "revisits"))
        others = fits.elsewhere_results(drive, recogniser(ground_height), rows, lambda k: track(k, "elsewhere"))
        for name in world or DEFAULT_WORLDS:
            others += fits.world_results(name, seed, recogniser(0.0), rows, partial(track, description=name))
        constants = fits.fit_confidence(fits.decided(revisits + others))
        for name, value in (constants | {"VARIANCE_SCALE": fits.fit_variance_scale(revisits)}).items():
            typer.echo(f"{name} = {value:.4g}")
