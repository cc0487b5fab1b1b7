"""`isometry train object-pose-calibration`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors
from isometry.cli.common.threads import use_one_thread

FEW = 30  # wrong poses, below which weights mean little


def object_pose_calibration(
    bop: Annotated[
        list[Path],
        typer.Option(help="Scenes to fit to, in BOP's layout, as of `isometry object scenes`; may be repeated."),
    ],
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the errors of masks, and of the meshes without colours.")
    ] = 0,
) -> None:
    """Print the constants of object_pose/calibration.py as fitted to scenes."""
    use_one_thread()
    with clear_errors():
        from rich.progress import track

        from isometry.evaluation.object_pose.cases import BopCases
        from isometry.object_pose.baseline import RenderedViewsEstimator
        from isometry.training.object_pose.calibration import (
            LEAST_VISIBLE,
            EstimatedPose,
            estimated,
            fit_confidence,
            fit_variance_scale,
        )

        poses: list[EstimatedPose] = []
        for root in bop:
            cases = BopCases(root, least_visible=LEAST_VISIBLE)
            models = {number: each.model for number, each in cases.objects.items()}
            poses += estimated(track(cases, root.name, total=cases.count), models, RenderedViewsEstimator(), seed)
        wrong = sum(not pose.right for pose in poses)
        typer.echo(f"{len(poses)} poses, {wrong} of them wrong{'' if wrong >= FEW else ': too few to fit to'}")
        for name, value in fit_confidence(poses).items():
            typer.echo(f"{name} = {value:.4g}")
        typer.echo(f"VARIANCE_SCALE = {fit_variance_scale(poses):.4g}")
