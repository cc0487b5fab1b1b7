"""`isometry train TASK`: needs the extra `train` (torch)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors

app = typer.Typer(help="Train a network.", no_args_is_help=True)


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
        try:
            import torch
        except ModuleNotFoundError as error:
            raise ValueError("training needs torch: pip install 'isometry[train]'") from error
        from rich.progress import track

        from isometry.datasets.kitti import KittiOdometry
        from isometry.training import place_recognition as training
        from isometry.training.drives import load_drive
        from isometry.training.validation import Validation

        torch.set_num_threads(threads)
        parameters = training.TrainingParameters(steps=steps, seed=seed)
        frames = slice(first_frame, None)
        drive = load_drive(KittiOdometry(kitti, sequence), frames, ground_height, lambda rows: track(rows, "reading"))
        validation = None
        if validate_on is not None:
            validation = Validation(load_drive(KittiOdometry(kitti, validate_on), slice(None), ground_height))
        network = training.train(drive, parameters, output, validation, resume)
        training.save_trained(network, drive, parameters, output / "place_recognition.pt")
