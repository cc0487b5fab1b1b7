"""`isometry train moving-digits`: a network that predicts moving digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar

if TYPE_CHECKING:
    from isometry.datasets.moving_digits import Motion


def moving_digits(
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    motion: Annotated[str, typer.Option(help="How the digits move: translating or rotating.")] = "translating",
    network: Annotated[str, typer.Option(help="Which recurrence: flow or plain.")] = "flow",
    fastest: Annotated[int, typer.Option(help="Largest velocity to train on: cells, or turns of 10 deg, a step.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 400,
    hidden: Annotated[int, typer.Option(min=2, help="Channels of the memory, at each velocity.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train a network that predicts moving digits; writes log.csv, checkpoint.pt and moving_digits_*.pt."""
    with clear_errors(), needs_training_extra("training"):  # scikit-learn is imported where the digits are read
        import torch

        from isometry.training.moving_digits.recipe import MovingDigitsTrainingParameters
        from isometry.training.moving_digits.train import train

        torch.set_num_threads(threads)
        parameters = MovingDigitsTrainingParameters(steps=steps, hidden=hidden, fastest=fastest, seed=seed)
        with progress_bar(f"training the {network} network on {motion} digits") as advance:
            train(cast("Motion", motion), network, parameters, output, resume, advance)
