"""`isometry train flow-memory`: needs the extra `train` (torch)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar


def flow_memory(
    scenes: Annotated[Path, typer.Option(help="Folder of the simulated drives; missing ones are simulated.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps, a clip of a drive each.")] = 1800,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train the bird's-eye memory on simulated drives; writes log.csv, checkpoint.pt and flow_memory.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters
        from isometry.training.flow_memory.train import train

        torch.set_num_threads(threads)
        parameters = FlowMemoryTrainingParameters(steps=steps, seed=seed)
        with progress_bar("training the flow memory") as advance:
            train(scenes, parameters, output, resume, advance)
