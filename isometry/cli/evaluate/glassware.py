"""`isometry evaluate glassware`: positions of glass objects that stand on a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json, publish
from isometry.cli.common.threads import use_one_thread


def glassware(
    recording: Annotated[Path, typer.Option(help="Folder of SCENE/STAMP.jpg, STAMP_depth_mm.png, STAMP_gt.json.")],
    trivial: Annotated[
        bool, typer.Option("--trivial", help="The trivial method instead: the lowest pixel, on the plane.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Errors of the positions of the bases, in metres, of objects of which only boxes and the table are known.

    other_method_base_error_m: of the answers of another method that the recording has.
    """
    use_one_thread()
    with clear_errors():
        from isometry.datasets.glassware import open_glassware
        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.object_pose.glassware import figures, measure
        from isometry.object_pose.standing import LowestPixelEstimator, StandingEstimator

        frames = open_glassware(recording)
        estimator = LowestPixelEstimator() if trivial else StandingEstimator()
        with progress_bar("standing") as advance:
            results = measure(frames, estimator, lambda done: advance(done, len(frames)))
        origin = provenance(recording.resolve().name, estimator.name, "no network")
        publish(origin | figures(results), json_file, unprinted=("objects", *origin))
