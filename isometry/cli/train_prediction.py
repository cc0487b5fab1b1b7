"""`isometry train motion-scenes` and `motion-prediction`: needs the extra `train` (torch)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors, needs_training_extra, progress_bar


def motion_scenes(
    output: Annotated[Path, typer.Option(help="Folder of the prepared scenes.")],
    simulated: Annotated[int, typer.Option(min=0, help="Simulations of 14 s; half a second each.")] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="Of the first simulation; the others follow.")] = 0,
    kitti_tracking: Annotated[Path | None, typer.Option(help="KITTI tracking directory, for recorded scenes.")] = None,
    sequences: Annotated[str, typer.Option(help="Which of it: N,N,...")] = "",
    poses: Annotated[
        list[str] | None, typer.Option(help="Poses of a sequence, N:FILE; found from its labels otherwise.")
    ] = None,
    drives: Annotated[
        list[str] | None, typer.Option("--drive", help="A drive of KITTI odometry, again for each: DIR:NN.")
    ] = None,
    first_frame: Annotated[
        int, typer.Option(help="Frames of drives before are skipped (00: poses 0-13 are bad).")
    ] = 14,
) -> None:
    """Prepare scenes of traffic, simulated and recorded, for `isometry train motion-prediction`."""
    with clear_errors():
        import numpy as np

        from isometry.datasets.kitti import KittiOdometry
        from isometry.evaluation.prediction_cases import open_recordings
        from isometry.training.prediction_scenes import Scenes, driven_scenes, scenes_of, simulated_scenes

        if simulated:
            with progress_bar("simulating") as advance:
                scenes = simulated_scenes(range(seed, seed + simulated), lambda done: advance(done, simulated))
            scenes.save(output / "simulated.npz")
        recorded = []
        if kitti_tracking is not None:
            for recording in open_recordings(kitti_tracking, sequences, poses or []):
                random = np.random.default_rng(seed)
                recorded += [
                    scenes_of(recording.positions[part.start : part.stop], recording.labels, moments, random)
                    for part in recording.stretches()
                    for moments in [[now - part.start for now in recording.sure_moments(part)]]
                ]
        for text in drives or []:
            root, _, sequence = text.partition(":")
            recorded.append(driven_scenes(KittiOdometry(Path(root), sequence).poses[first_frame:, :2, 3]))
        if recorded:
            Scenes.joined(recorded).save(output / "recorded.npz")


def motion_prediction(
    scenes: Annotated[Path, typer.Option(help="Folder that `isometry train motion-scenes` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps, a batch of scenes each.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 1,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train the network of motion prediction; writes log.csv, checkpoint.pt and motion_prediction.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.training.prediction import train
        from isometry.training.prediction_parameters import PredictionTrainingParameters
        from isometry.training.prediction_scenes import Scenes

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
