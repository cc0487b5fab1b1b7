"""`isometry train motion-scenes` and `motion-prediction`: needs the extra `train` (torch)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_files, parse_list
from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar


def motion_scenes(
    output: Annotated[Path, typer.Option(help="Folder of the prepared scenes.")],
    simulated: Annotated[int, typer.Option(min=0, help="Simulations of 14 s; each takes half a second.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first simulation; the others count on.")] = 0,
    kitti_tracking: Annotated[Path | None, typer.Option(help="KITTI tracking directory, for recorded scenes.")] = None,
    sequences: Annotated[str, typer.Option(help="Sequences of it: N,N,...")] = "",
    poses: Annotated[
        list[str] | None, typer.Option(help="Poses of a sequence, N:FILE; else estimated from its labels.")
    ] = None,
) -> None:
    """Prepare scenes of traffic, simulated and recorded, for `isometry train motion-prediction`."""
    with clear_errors():
        import numpy as np

        from isometry.evaluation.prediction.cases import open_recordings
        from isometry.training.prediction.scenes import LEAST_PAST, Scenes, scenes_of, simulated_scenes

        if simulated:
            with progress_bar("simulating") as advance:
                scenes = simulated_scenes(range(seed, seed + simulated), lambda done: advance(done, simulated))
            scenes.save(output / "simulated.npz")
        recorded = []
        if kitti_tracking is not None:
            named = parse_list("--sequences", sequences, "2,4,7")
            files = parse_files("--poses", poses or [], "0:poses/0000.txt")
            for recording in open_recordings(kitti_tracking, named, files):
                for part in recording.stretches():
                    positions = recording.positions[part.start : part.stop]
                    moments = range(LEAST_PAST, len(positions) - 1, 2)
                    recorded.append(scenes_of(positions, recording.labels, moments, np.random.default_rng(seed)))
        if recorded:
            Scenes.joined(recorded).save(output / "recorded.npz")


def motion_prediction(
    scenes: Annotated[Path, typer.Option(help="Folder that `isometry train motion-scenes` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps, a batch of scenes each.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train the network of motion prediction; writes log.csv, checkpoint.pt and motion_prediction.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.training.prediction.recipe import PredictionTrainingParameters
        from isometry.training.prediction.scenes import Scenes
        from isometry.training.prediction.train import train

        torch.set_num_threads(threads)
        simulated, recorded = scenes / "simulated.npz", scenes / "recorded.npz"
        parameters = PredictionTrainingParameters(steps=steps, seed=seed)
        with progress_bar("training motion prediction") as advance:
            train(
                Scenes.load(simulated),
                Scenes.load(recorded) if recorded.exists() else None,
                parameters,
                output,
                resume,
                advance,
            )
