"""`isometry train TASK`: needs the extra `train` (torch)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.train.flow_memory import flow_memory
from isometry.cli.train.moving_digits import moving_digits
from isometry.cli.train.prediction import motion_prediction, motion_scenes
from isometry.cli.train.registration_calibration import registration_calibration
from isometry.cli.train.tracking import tracking_confidence

app = typer.Typer(help="Train a network.", no_args_is_help=True)
app.command("registration-calibration")(registration_calibration)
app.command("moving-digits")(moving_digits)
app.command("tracking-confidence")(tracking_confidence)
app.command("motion-scenes")(motion_scenes)
app.command("motion-prediction")(motion_prediction)
app.command("flow-memory")(flow_memory)


@app.command("place-recognition")
def place_recognition(
    kitti: Annotated[Path, typer.Option(help="KITTI odometry directory.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    sequence: Annotated[str, typer.Option(help="The drive to train on.")] = "00",
    first_frame: Annotated[int, typer.Option(help="Frames before are skipped (00: poses 0-13 are bad).")] = 14,
    validate_on: Annotated[str | None, typer.Option(help="A drive on which recall is logged: NN.")] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 2400,
    seed: Annotated[int, typer.Option(help="Of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 2,
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
        from isometry.training.place_recognition.recipe import TrainingParameters
        from isometry.training.place_recognition.train import train
        from isometry.training.place_recognition.trained import save_trained
        from isometry.training.place_recognition.validation import Validation

        torch.set_num_threads(threads)
        parameters = TrainingParameters(steps=steps, seed=seed)
        frames = slice(first_frame, None)
        drive = load_drive(KittiOdometry(kitti, sequence), frames, ground_height, lambda rows: track(rows, "reading"))
        validation = None
        if validate_on is not None:
            validation = Validation(load_drive(KittiOdometry(kitti, validate_on), slice(None), ground_height))
        network = train(drive, parameters, output, validation, resume)
        save_trained(network, drive, parameters, output / "place_recognition.pt")


@app.command("registration-pairs")
def registration_pairs(
    output: Annotated[Path, typer.Option(help="Folder of the prepared pairs.")],
    drive: Annotated[
        list[str] | None,
        typer.Option(help="A drive in KITTI's layouts, again for each: DIR:SEQUENCE or DIR:SEQUENCE:POSES."),
    ] = None,
    real: Annotated[int, typer.Option(help="Pairs of each drive.")] = 100,
    simulated: Annotated[
        int, typer.Option(help="Pairs of each kind of simulated place; takes a second or two each.")
    ] = 400,
    seed: Annotated[int, typer.Option(help="Of every random process.")] = 0,
) -> None:
    """Prepare pairs of clouds, real and simulated, for `isometry train registration`."""
    with clear_errors():
        import numpy as np

        from isometry.cli.common.progress import progress_bar
        from isometry.datasets.kitti.scans import open_scans
        from isometry.simulation.pairs import KINDS
        from isometry.training.registration.pairs import real_pairs, simulated_pairs, write_pairs

        for k, text in enumerate(drive or []):
            root, sequence, *poses = text.split(":")
            scans = open_scans(Path(root), sequence, Path(poses[0]) if poses else None)
            pairs = real_pairs(scans, real, np.random.default_rng([seed, k]))
            with progress_bar(f"drive {sequence}") as advance:
                write_pairs(pairs, f"drive{k}-{sequence}", True, output, seed, lambda done: advance(done + 1, real))
        for kind in KINDS:
            pairs = simulated_pairs(kind, range(seed, seed + simulated))
            with progress_bar(kind) as advance:
                write_pairs(pairs, kind, kind == "street", output, seed, lambda done: advance(done + 1, simulated))


@app.command("registration")
def registration(
    pairs: Annotated[Path, typer.Option(help="Folder that `isometry train registration-pairs` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    network: Annotated[str, typer.Option(help="equivariant or invariant.")] = "equivariant",
    steps: Annotated[int, typer.Option(help="Optimiser steps, a pair of clouds each.")] = 9000,
    seed: Annotated[int, typer.Option(help="Of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 2,
    start: Annotated[Path | None, typer.Option(help="A trained network whose weights are the first ones.")] = None,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train a feature network of registration; writes log.csv, checkpoint.pt and registration_NETWORK.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.cli.common.progress import progress_bar
        from isometry.training.registration.recipe import RegistrationTrainingParameters
        from isometry.training.registration.train import train

        torch.set_num_threads(threads)
        parameters = RegistrationTrainingParameters(steps=steps, seed=seed)
        with progress_bar(f"training the {network} network") as advance:
            train(pairs, network, parameters, output, resume, start, advance)


@app.command("calibration")
def calibration(
    kitti: Annotated[Path, typer.Option(help="KITTI odometry directory.")],
    database: Annotated[str, typer.Option(help="Frames A:B that are remembered.")] = "14:3000",
    queries: Annotated[str, typer.Option(help="Frames C:D that are asked for.")] = "3200:4541",
    sequence: Annotated[str, typer.Option(help="The drive that the network was trained on.")] = "00",
    every: Annotated[int, typer.Option(help="Ask only every K-th query.")] = 1,
    ground_height: Annotated[float, typer.Option(help="Metres, z of the ground in the LiDAR frame.")] = -1.73,
) -> None:
    """Print the constants of place_recognition/calibration.py as fitted to this drive, each query turned by 0.6 rad."""
    with clear_errors():
        from rich.progress import track

        from isometry.cli.common.frames import parse_frames
        from isometry.datasets.kitti.odometry import KittiOdometry
        from isometry.evaluation.place_recognition.measure import Drive, ask, remember
        from isometry.place_recognition.encoder import BirdsEyeEncoder
        from isometry.place_recognition.memory import PlaceMemory
        from isometry.place_recognition.parameters import PlaceRecognitionParameters
        from isometry.place_recognition.pipeline import PlaceRecognizer
        from isometry.training.place_recognition.calibration import fit_confidence, fit_variance_scale

        drive = Drive.of(KittiOdometry(kitti, sequence))
        remembered, asked = (range(len(drive.dataset))[parse_frames(text)] for text in (database, queries))
        encoder = BirdsEyeEncoder.load()
        memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
        # everything is accepted, so that every pose has gone through the registration
        parameters = PlaceRecognitionParameters(ground_height=ground_height, least_confidence=0.0)
        recognizer = PlaceRecognizer(encoder, memory, parameters)
        remember(drive, remembered, recognizer, lambda rows: track(rows, "remembering"))
        outcomes = ask(drive, asked[::every], recognizer, 5.0, 0.6, lambda rows: track(rows, "asking"))
        for name, value in (fit_confidence(outcomes) | {"VARIANCE_SCALE": fit_variance_scale(outcomes)}).items():
            typer.echo(f"{name} = {value:.4g}")
