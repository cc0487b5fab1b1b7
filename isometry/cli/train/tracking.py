"""`isometry train tracking-confidence`: the confidence of tracks, fitted to the scores of a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_list
from isometry.cli.common.progress import clear_errors


def tracking_confidence(
    kitti_tracking: Annotated[Path, typer.Option(help="Directory with label_02, calib and detections/NAME.")],
    detections: Annotated[str, typer.Option(help="Name of the detector, as for `isometry evaluate tracking`.")],
    sequences: Annotated[str, typer.Option(help="Which sequences: N,N,...")],
    classes: Annotated[str, typer.Option(help="Classes as KITTI writes them.")] = "Car,Pedestrian,Cyclist",
) -> None:
    """Print the constants of a detector in tracking/detection/detector_models.py, fitted to labelled sequences."""
    with clear_errors():
        from rich.progress import track

        from isometry.datasets.kitti.tracking import KittiTracking
        from isometry.tracking.detection.detector_models import detector_named
        from isometry.tracking.parameters import TrackingParameters
        from isometry.tracking.tracks.tracker import Tracker
        from isometry.training.tracking.confidence import (
            ObservedTracks,
            fitted_log_odds,
            missing_deviation,
            observed_tracks,
        )

        parameters = TrackingParameters(detector=detector_named(detections))
        opened = [KittiTracking(kitti_tracking, name) for name in parse_list("--sequences", sequences, "0,2,3")]
        for label in parse_list("--classes", classes, "Car,Cyclist"):
            parts = [observed_tracks(Tracker(parameters), each, detections, label) for each in track(opened, label)]
            tracks = ObservedTracks.joined(parts)
            weights = ", ".join(f"{weight:.3g}" for weight in fitted_log_odds(tracks.evidence, tracks.right))
            typer.echo(f"{label}: log_odds = ({weights})  of {len(tracks.right)} tracks in frames")
            missing_m = missing_deviation(tracks)
            typer.echo(f"  {tracks.right.mean():.1%} of them right; their positions miss {missing_m:.3g} m")
