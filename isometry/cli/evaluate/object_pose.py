"""`isometry evaluate object-pose`: poses of objects whose model is given, in a data set in the layout of BOP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json, Report, publish
from isometry.cli.common.threads import use_one_thread

if TYPE_CHECKING:
    from isometry.evaluation.object_pose.cases import BopCases
    from isometry.object_pose.types import PoseEstimator

DETECTIONS = ("gt-mask", "gt-box", "auto")
TURNED = ("image", "mesh")


def object_pose(
    bop: Annotated[Path, typer.Option(help="Data set in BOP's layout: models and test/NNNNNN.")],
    detections: Annotated[
        str,
        typer.Option(
            help="gt-mask: the labelled masks; gt-box: the boxes around them; auto: all objects are looked for."
        ),
    ] = "gt-mask",
    scene: Annotated[int | None, typer.Option(min=0, help="Only the scene with this number.")] = None,
    track: Annotated[
        bool, typer.Option("--track", help="Follow each object from its first pose; frames must be consecutive.")
    ] = False,
    without_colours: Annotated[
        bool, typer.Option("--without-colours", help="Take the colours off the meshes: twins are modes then.")
    ] = False,
    turned: Annotated[
        str | None, typer.Option(help="Turn the image or the mesh at random, and compare answers: image or mesh.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --turned.")] = 0,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Recalls, errors, modes, trust in the confidence, and times, over all instances at least 30 % visible; one thread.

    recall_5deg_2cm and recall_10deg_2cm: up to the symmetries that the data set states; _shape: up to those of the
    mesh's shape as well. mode_recall: the true rotation is within 10 deg of a mode. overconfident: share of the answers
    with a confidence over 0.9 that are over 10 deg wrong. An instance without a pose is a miss. With --track, the
    times are of the poses that were estimated, and those of the others are given as `_per_frame`. With --detections
    auto no mask is read, times are of whole images, and `others` counts answers that are of no labelled instance:
    of another name, second ones, or where nothing is labelled. With --turned, the figures are by how much the answers
    for the turned input differ from those for the input as it is, once the turn is undone.
    """
    use_one_thread()
    with clear_errors():
        from isometry.evaluation.common.provenance import provenance, write_json
        from isometry.evaluation.object_pose.cases import BopCases
        from isometry.evaluation.object_pose.finding import find, finding_figures
        from isometry.evaluation.object_pose.measure import figures, measure, tracking_figures
        from isometry.evaluation.object_pose.measure import track as follow
        from isometry.object_pose.baseline import RenderedViewsEstimator

        if detections not in DETECTIONS:
            raise ValueError(f"--detections {detections}: it must be one of {', '.join(DETECTIONS)}")
        if track and detections == "auto":
            raise ValueError("--track follows labelled instances: it needs --detections gt-mask or gt-box")
        if turned is not None and (track or detections == "auto" or turned not in TURNED):
            raise ValueError(f"--turned {turned}: it must be {' or '.join(TURNED)}, with labels, without --track")
        if turned is not None and report is not None:
            raise ValueError("--report shows poses and their errors, which --turned does not measure")
        cases = BopCases(bop, scene, boxes=detections == "gt-box", without_colours=without_colours)
        estimator = RenderedViewsEstimator()
        part = "" if scene is None else f" scene {scene}"
        data = f"{bop.resolve().name}{part} detections {detections}{' without colours' if without_colours else ''}"
        if turned is not None:
            _turn(cases, estimator, turned, seed, data, json_file)
            return
        others: dict[str, Any] = {}
        with progress_bar("following" if track else "estimating") as advance:
            if detections == "auto":
                finding = find(cases, estimator, lambda done: advance(done, cases.count))
                results, others = finding.results, finding_figures(finding)
            else:
                results = (follow if track else measure)(cases, estimator, lambda done: advance(done, cases.count))
        measured = figures(results) | others | (tracking_figures(results) if track else {})
        measured |= {"frames_without_depth": cases.without_depth}
        origin = provenance(f"{data}{' tracked' if track else ''}", estimator.name, "no network")
        if json_file is not None:
            write_json(json_file, origin | measured)
        if report is not None:
            from isometry.evaluation.object_pose.report import write_report

            write_report(report, measured, origin, results)
        _print(measured)


def _turn(cases: BopCases, estimator: PoseEstimator, what: str, seed: int, data: str, json_file: Path | None) -> None:
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.object_pose.turning import turn_inputs, turning_figures

    with progress_bar("turning") as advance:
        turns = turn_inputs(cases, estimator, what, seed, lambda done: advance(done, cases.count))
    origin = provenance(f"{data} turned {what}", estimator.name, "no network")
    publish(origin | turning_figures(turns, what), json_file, unprinted=tuple(origin))


def _print(measured: dict[str, Any]) -> None:
    """The instances, those with the largest errors first, and the figures."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    columns = {
        "rotation_error_deg": ("deg", 1.0),
        "shape_rotation_error_deg": ("shape", 1.0),
        "mode_rotation_error_deg": ("mode", 1.0),
        "translation_error_m": ("mm", 1e3),
        "confidence": ("conf.", 1.0),
        "processor_seconds": ("CPU s", 1.0),
    }
    table = Table("frame", "object", "seen", "reason", *(head for head, _ in columns.values()), box=SIMPLE)

    def error(row: dict[str, Any]) -> float:
        degrees = row["rotation_error_deg"]
        return float("inf") if degrees is None else float(degrees)

    wrong_first = sorted(measured["instances"], key=error, reverse=True)
    for row in wrong_first:
        cells = ["-" if row[name] is None else f"{scale * row[name]:.2f}" for name, (_, scale) in columns.items()]
        place = f"{row['scene']}/{row['frame']}"
        table.add_row(place, str(row["object"]), f"{row['visib_fract']:.2f}", row["reason"], *cells)
    console.print(table)
    for name, value in measured.items():
        if isinstance(value, (int, float)):
            console.print(f"{name}: {value:.3g}")
        elif value is None:
            console.print(f"{name}: -")
    for name in measured["frames_without_depth"]:
        console.print(f"left out, it has no depth: {name}")
