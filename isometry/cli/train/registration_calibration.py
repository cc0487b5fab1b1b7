"""`isometry train registration-calibration`: the constants of the registration's confidence and covariance."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors


def registration_calibration(
    kitti_raw: Annotated[
        list[Path] | None, typer.Option(help="A training drive: DIR with velodyne_points/data and pseudo_poses.txt.")
    ] = None,
    count: Annotated[int, typer.Option(min=10, help="Pairs of each simulated kind and of each drive.")] = 60,
    model: Annotated[
        str, typer.Option(help="Source of hypotheses: default, upright, equivariant, invariant.")
    ] = "default",
    seed: Annotated[int, typer.Option(help="Of pairs and turns.")] = 0,
) -> None:
    """Print the constants of registration/calibration.py as fitted to simulated pairs and training drives."""
    with clear_errors():
        from rich.progress import track

        from isometry.datasets.kitti.scans import open_scans
        from isometry.registration.pipeline import load_registrar
        from isometry.simulation.pairs import KINDS
        from isometry.training.registration.calibration import (
            calibration_pairs,
            fit_confidence,
            fit_variance_scale,
            outcomes,
        )

        folders = kitti_raw or []
        drives = [open_scans(folder.parent, folder.name, folder / "pseudo_poses.txt") for folder in folders]
        pairs = calibration_pairs(drives, count, seed)
        total = count * (len(KINDS) + len(drives))
        asked = track(islice(pairs, total), "registering", total=total)
        found = list(outcomes(load_registrar(model), asked, seed))
        typer.echo(f"{len(found)} pairs, {sum(outcome.right for outcome in found)} of them registered right")
        for kind, blind in (("SIGHTED", False), ("BLIND", True)):
            for name, value in fit_confidence(found, blind).items():
                typer.echo(f"{kind} {name} = {value:.4g}")
        typer.echo(f"VARIANCE_SCALE times {fit_variance_scale(found):.4g}")
