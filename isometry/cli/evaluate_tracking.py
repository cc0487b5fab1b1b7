"""`isometry evaluate tracking`: KITTI tracking sequences, from recorded detections, one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.progress import clear_errors, needs

if TYPE_CHECKING:
    from isometry.evaluation.tracking import FollowsDetections

IOUS = (0.25, 0.5, 0.7)
HEADLINE = ("HOTA", "MOTA", "IDF1", "sAMOTA", "id_switches")


def tracking(
    kitti_tracking: Annotated[Path, typer.Option(help="Directory with label_02, calib and detections/NAME.")],
    detections: Annotated[
        str, typer.Option(help="Folder in detections/, or what the folders NAME_Car..., NAME_Cyclist... begin with.")
    ],
    sequences: Annotated[str, typer.Option(help="Which sequences: N,N,...")],
    iou: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, help="Overlap of a match; all of 0.25, 0.5, 0.7 if left out.")
    ] = None,
    classes: Annotated[str, typer.Option(help="Car,Pedestrian,Cyclist; the first one is the headline.")] = "Car",
    tracker: Annotated[str, typer.Option(help="flow: the one of this package; baseline: a plain one.")] = "flow",
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures are written.")] = None,
) -> None:
    """Tracks of recorded detections in AB3DMOT's protocol (sAMOTA, MOTA, id switches), HOTA, IDF1, frames a second.

    Each class is tracked by itself, without poses. The figures of the headline are those of the first class at --iou,
    0.25 where it is left out.
    """
    _use_one_thread()
    with clear_errors(), needs("'isometry[evaluate]'"):
        from isometry.datasets.kitti_tracking import KittiTracking
        from isometry.evaluation import tracking as evaluation
        from isometry.evaluation.provenance import provenance, write_json

        labels = _chosen_classes(classes)
        opened = [KittiTracking(kitti_tracking, name) for name in _parts(sequences)]
        ious = IOUS if iou is None else (iou,)
        results = [evaluation.measure(opened, detections, label, ious, _maker(tracker)) for label in labels]
        told = {result.label: evaluation.figures(result) for result in results}
        first = told[labels[0]]
        headline = {name: first["ious"][f"{ious[0]:g}"][name] for name in HEADLINE}
        headline["frames_per_second"] = first["frames_per_second"]
        names = ",".join(each.sequence for each in opened)
        data = f"{kitti_tracking.resolve().name} {names} detections {detections} {labels[0]} iou {ious[0]:g}"
        result = provenance(data, tracker, "") | headline | {"classes": told}
        if json_file is not None:
            write_json(json_file, result)
        _print(told)


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError(f"--sequences {text!r}: it must name sequences with commas between them, such as 0,2")
    return list(dict.fromkeys(parts))


def _chosen_classes(text: str) -> list[str]:
    from isometry.evaluation.tracking import CLASSES

    by_lower = {name.lower(): name for name in CLASSES}
    chosen = [by_lower.get(part.strip().lower(), "") for part in text.split(",")]
    if not all(chosen):
        raise ValueError(f"--classes {text!r}: each must be one of {', '.join(CLASSES)}")
    return list(dict.fromkeys(chosen))


def _maker(name: str) -> Callable[[], FollowsDetections]:
    if name == "baseline":
        from isometry.tracking.baseline import BaselineTracker

        return BaselineTracker
    if name != "flow":
        raise ValueError(f"--tracker {name}: it must be flow or baseline")
    from isometry.tracking.parameters import TrackingParameters
    from isometry.tracking.tracker import Tracker

    return lambda: Tracker(TrackingParameters())


def _use_one_thread() -> None:
    """Libraries read it when they are loaded, which is after this."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _print(told: dict[str, Any]) -> None:
    """What a person wants to see first; the JSON has everything."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    columns = {
        "sAMOTA": "sAMOTA",
        "AMOTA": "AMOTA",
        "MOTA": "MOTA",
        "MOTP": "MOTP",
        "HOTA": "HOTA",
        "IDF1": "IDF1",
        "id_switches": "switches",
        "fragmentations": "fragments",
        "false_positives": "FP",
        "false_negatives": "FN",
    }
    table = Table("class", "IoU", *columns.values(), box=SIMPLE)
    for label, figures in told.items():
        for iou, values in figures["ious"].items():
            cells = (values[name] for name in columns)
            table.add_row(label, iou, *(f"{v:.4f}" if isinstance(v, float) else str(v) for v in cells))
    console = Console(highlight=False)
    console.print(table)
    for label, figures in told.items():
        console.print(f"{label}: {figures['frames_per_second']:.0f} frames a second inside the tracker")
