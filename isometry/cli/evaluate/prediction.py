"""`isometry evaluate prediction`: paths ahead of labelled objects of KITTI tracking, one thread."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from isometry.cli.common.arguments import parse_files, parse_list
from isometry.cli.common.progress import clear_errors
from isometry.cli.common.results import Json, Report
from isometry.cli.common.threads import use_one_thread

GROUPS = ("moving", "moving, sure or not")


def prediction(
    kitti_tracking: Annotated[Path, typer.Option(help="Directory with label_02 and calib.")],
    sequences: Annotated[str, typer.Option(help="Which sequences: N,N,...")],
    poses: Annotated[
        list[str] | None,
        typer.Option(help="LiDAR poses of a sequence, N:FILE; where left out, the ego-motion is estimated."),
    ] = None,
    detections: Annotated[
        str | None,
        typer.Option(help="Histories are tracks of these, in detections/: a folder, or what NAME_Car... begin with."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="default, motion_prediction, constant_velocity, constant_turn, or an .onnx file.")
    ] = "default",
    json_file: Json = None,
    report: Report = None,
) -> None:
    """ADE and FDE at 1, 2 and 3 s, of all objects and of moving ones, against constant velocity and constant turn.

    An object is judged once it was labelled for a second. Its history is its past labels, in a frame that does not
    move. All methods are given the same histories in the same frame. Without --poses, the
    ego-motion is estimated from the labels: moments at which no stationary object fixes it are counted apart.

    --detections: histories and velocities are those of tracks; tracks of no labelled object do not count.
    """
    use_one_thread()
    with clear_errors():
        from isometry.datasets.kitti.tracking import KittiTracking
        from isometry.evaluation.common.provenance import provenance, write_json
        from isometry.evaluation.prediction import measure as evaluation
        from isometry.evaluation.prediction.cases import cases_of, open_recordings
        from isometry.evaluation.prediction.tracks import tracked_cases
        from isometry.tracking.prediction.predictor import MOTION_MODELS, MotionPredictor

        path = Path(model) if model.endswith(".onnx") else None
        predictor = MotionPredictor.load(path, "default" if path else model)
        others = [MotionPredictor.load(name=name) for name in MOTION_MODELS if name != predictor.name]
        files = parse_files("--poses", poses or [], "0:poses/0000.txt")
        recordings = open_recordings(kitti_tracking, parse_list("--sequences", sequences, "0,3,5"), files)
        cases = [
            case
            for each in recordings
            for case in (
                cases_of(each)
                if detections is None
                else tracked_cases(each, KittiTracking(kitti_tracking, each.name), detections)
            )
        ]
        errors = {each.name: evaluation.predict_cases(cases, each, time.perf_counter) for each in (predictor, *others)}
        methods = {name: evaluation.figures(each) for name, each in errors.items()}
        lower = {
            group: {other: evaluation.compared(methods, predictor.name, other, group) for other in MOTION_MODELS}
            for group in GROUPS
        }
        names = ",".join(each.name for each in recordings)
        source = "labels" if detections is None else f"tracks of {detections}"
        posed = "".join(f" poses of {each.name}" for each in recordings if each.posed)
        origin = provenance(
            f"{kitti_tracking.resolve().name} {names} {source}{posed}", predictor.name, predictor.sha256
        )
        result: dict[str, Any] = {
            "definitions": evaluation.DEFINITIONS,
            "own_motion": {
                each.name: "given"
                if each.posed
                else {
                    "from": "labels",
                    "begun_anew": list(each.ego_motion.restarts),
                    "anchored": float(each.ego_motion.anchored.mean()),
                }
                for each in recordings
            },
            "lower_fde_than": lower,
            "methods": {name: each.as_json() for name, each in methods.items()},
        }
        if json_file is not None:
            write_json(json_file, origin | result)
        if report is not None:
            from isometry.evaluation.prediction.report import write_report

            write_report(report, result, predictor.name, origin, cases, errors)
        _print(result)


def _print(result: dict[str, Any]) -> None:
    """The main figures; the JSON has everything."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for group in ("all", *GROUPS):
        table = Table(group, "n", "ADE 1 s", "2 s", "3 s", "FDE 1 s", "2 s", "3 s", "inside 2 sigma", box=SIMPLE)
        for name, method in result["methods"].items():
            if group not in method:
                continue
            of_group = method[group]
            figures = [*of_group["ade_m"].values(), *of_group["fde_m"].values(), of_group["inside_2_sigma"]["3"]]
            cells = ["-" if value is None else f"{value:.3f}" for value in figures]
            table.add_row(name, str(of_group["n"]["3"]), *cells)
        console.print(table)
    for group, others in result["lower_fde_than"].items():
        for other, share in others.items():
            if share["3"] is not None:
                console.print(f"{group}: FDE at 3 s lower than {other}: {100.0 * share['3']:.1f} %")
