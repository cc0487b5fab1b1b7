"""`isometry train tracking-confidence`: what the scores of a detector mean for the tracks made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors


def tracking_confidence(
    kitti_tracking: Annotated[Path, typer.Option(help="Directory with label_02, calib and detections/NAME.")],
    detections: Annotated[str, typer.Option(help="As for `isometry evaluate tracking`.")],
    sequences: Annotated[str, typer.Option(help="Which sequences: N,N,...")],
    classes: Annotated[str, typer.Option(help="Classes as KITTI writes them.")] = "Car,Pedestrian,Cyclist",
) -> None:
    """Print the log odds of tracking/detector_models.py as fitted to the tracks of labelled sequences."""
    with clear_errors():
        import numpy as np
        from rich.progress import track

        from isometry.datasets.kitti_tracking import KittiTracking
        from isometry.tracking.detector_models import detector_named
        from isometry.tracking.parameters import TrackingParameters
        from isometry.tracking.tracker import Tracker
        from isometry.training.tracking_confidence import fitted_log_odds, seen_tracks

        parameters = TrackingParameters(detector=detector_named(detections))
        opened = [KittiTracking(kitti_tracking, name.strip()) for name in sequences.split(",")]
        for label in classes.split(","):
            parts = [seen_tracks(Tracker(parameters), each, detections, label) for each in track(opened, label)]
            told, right = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            weights = ", ".join(f"{weight:.3g}" for weight in fitted_log_odds(told, right))
            typer.echo(f"{label}: log_odds = ({weights})  of {len(right)} tracks in frames, {right.mean():.1%} right")
