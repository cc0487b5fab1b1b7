"""`isometry evaluate tracking`: KITTI tracking sequences, from recorded detections or from scans, one thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.arguments import parse_list
from isometry.cli.common.progress import clear_errors, needs
from isometry.cli.common.results import Json, Report
from isometry.cli.common.threads import use_one_thread

if TYPE_CHECKING:
    from isometry.datasets.kitti.tracking import KittiTracking
    from isometry.evaluation.tracking.measure import ClassResult
    from isometry.evaluation.tracking.runs import FollowsDetections, FollowsScans

IOUS = (0.25, 0.5, 0.7)
HEADLINE = ("HOTA", "MOTA", "IDF1", "sAMOTA", "id_switches")


def tracking(
    kitti_tracking: Annotated[Path, typer.Option(help="Directory with label_02, calib and detections/NAME.")],
    sequences: Annotated[
        str | None, typer.Option(help="Which sequences: N,N,...; all with labels that can be tracked if left out.")
    ] = None,
    detections: Annotated[
        str | None, typer.Option(help="Folder in detections/, or what NAME_Car..., NAME_Cyclist... begin with.")
    ] = None,
    from_scans: Annotated[bool, typer.Option("--from-scans", help="Track the scans in velodyne/ instead.")] = False,
    poses: Annotated[
        Path | None, typer.Option(help="LiDAR poses of the one sequence; own odometry if left out.")
    ] = None,
    iou: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, help="Overlap of a match; all of 0.25, 0.5, 0.7 if left out.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Classes of Car,Pedestrian,Cyclist, the headline first; all that are there if left out."),
    ] = None,
    tracker: Annotated[str, typer.Option(help="flow: the one of this package; baseline: a plain one.")] = "flow",
    yaw: Annotated[float, typer.Option(help="Track a second time with all turned by so many degrees; compare.")] = 0.0,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Tracks in AB3DMOT's protocol (sAMOTA, MOTA, id switches at 40 recalls), HOTA, IDF1, frames a second.

    --detections: all classes are tracked together, without poses; a match is an overlap in space. Each class is judged
    by itself. The figures of the
    headline are those of the first class at --iou, 0.25 where it is left out.

    --from-scans: every labelled object counts, whichever class its track has; a match is an overlap seen from above.
    Only what image 2 shows is judged. Tracks of unknown class or at the image border are not false positives: KITTI
    labels neither.
    """
    use_one_thread()
    if (detections is None) != from_scans:
        raise typer.BadParameter("name what is tracked: either --detections NAME or --from-scans")
    with clear_errors(), needs("'isometry[evaluate]'"):
        from isometry.datasets.kitti.tracking import KittiTracking, labelled_sequences
        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.tracking import measure as evaluation

        chosen = (
            labelled_sequences(kitti_tracking, detections)
            if sequences is None
            else parse_list("--sequences", sequences, "0,2,3")
        )
        opened = [KittiTracking(kitti_tracking, name) for name in chosen]
        ious = IOUS if iou is None else (iou,)
        if detections is None:
            results, networks = [_from_scans(opened, ious, poses, tracker, 0.0)], _networks()
            turned = _from_scans(opened, ious, poses, tracker, yaw) if yaw else None
            source = "scans" + (f" poses {poses.name}" if poses else "")
        else:
            networks = "no network"
            labels = _labels_of(opened, detections) if classes is None else _chosen_classes(classes)
            results = _from_detections(opened, detections, labels, ious, tracker, 0.0)
            turned = _from_detections(opened, detections, labels[:1], ious, tracker, yaw)[0] if yaw else None
            source = f"detections {detections}"
        by_class = {result.label: evaluation.figures(result) for result in results}
        first = by_class[results[0].label]
        headline = {name: first["ious"][f"{ious[0]:g}"][name] for name in HEADLINE}
        headline["frames_per_second"] = first["frames_per_second"]
        if turned is not None:
            headline |= evaluation.turn_figures(results[0], turned)
        names = ",".join(each.sequence for each in opened)
        data = f"{kitti_tracking.resolve().name} {names} {source} {results[0].label} iou {ious[0]:g}"
        _publish(provenance(data, tracker, networks), headline, by_class, results, json_file, report)


def _from_detections(
    sequences: list[KittiTracking],
    detections: str,
    labels: list[str],
    ious: tuple[float, ...],
    tracker: str,
    yaw: float,
) -> list[ClassResult]:
    from isometry.evaluation.tracking.measure import follow, judge
    from isometry.evaluation.tracking.runs import TurnedDetections

    make = _maker(tracker, detections)
    turned = (lambda: TurnedDetections(make(), math.radians(yaw))) if yaw else make
    tracks = follow(sequences, detections, turned)
    return [judge(sequences, detections, label, ious, tracks) for label in labels]


def _from_scans(
    sequences: list[KittiTracking], ious: tuple[float, ...], poses: Path | None, tracker: str, yaw: float
) -> ClassResult:
    from isometry.datasets.kitti.scans import read_poses
    from isometry.evaluation.tracking.measure import measure_scans
    from isometry.evaluation.tracking.runs import TurnedScans
    from isometry.tracking.parameters import TrackingParameters
    from isometry.tracking.pipeline import TrackingPipeline

    if tracker != "flow":
        raise ValueError(f"--tracker {tracker}: scans are tracked by flow alone")
    if poses is not None and len(sequences) != 1:
        raise ValueError(f"{poses}: poses are of one sequence, and {len(sequences)} are named")
    T_odom_lidar = None if poses is None else read_poses(poses)
    if T_odom_lidar is not None and len(T_odom_lidar) < sequences[0].frame_count:
        raise ValueError(f"{poses}: {len(T_odom_lidar)} poses for {sequences[0].frame_count} frames")

    def make() -> FollowsScans:
        return TrackingPipeline.load(TrackingParameters())

    turned = (lambda: TurnedScans(make(), math.radians(yaw))) if yaw else make
    return measure_scans(sequences, ious, turned, T_odom_lidar)


def _networks() -> str:
    """Which files the networks of the pipeline come from, by name and sha256."""
    from isometry.tracking.parameters import TrackingParameters
    from isometry.tracking.pipeline import TrackingPipeline

    pipeline = TrackingPipeline.load(TrackingParameters())
    parts = (pipeline.memory.model, pipeline.predictor)
    return ", ".join(f"{each.name} {each.sha256}" for each in parts if each.sha256)


def _labels_of(sequences: list[KittiTracking], detections: str) -> list[str]:
    """Classes that are both labelled, so that they must be found, and detected."""
    from isometry.evaluation.tracking.measure import CLASSES, must_be_found

    detected = {label for sequence in sequences for label in sequence.detections(detections).labels}
    labels = [label for label in CLASSES if label in detected and must_be_found(sequences, label)]
    if not labels:
        raise ValueError(f"detections {detections!r}: nothing that is detected is labelled in these sequences")
    return labels


def _chosen_classes(text: str) -> list[str]:
    from isometry.evaluation.tracking.measure import CLASSES

    by_lower = {name.lower(): name for name in CLASSES}
    chosen = [by_lower.get(part.lower(), "") for part in parse_list("--classes", text, "Car,Cyclist")]
    if not all(chosen):
        raise ValueError(f"--classes {text!r}: each must be one of {', '.join(CLASSES)}")
    return list(dict.fromkeys(chosen))


def _maker(name: str, detections: str) -> Callable[[], FollowsDetections]:
    if name == "baseline":
        from isometry.tracking.tracks.baseline import BaselineTracker

        return BaselineTracker
    if name != "flow":
        raise ValueError(f"--tracker {name}: it must be flow or baseline")
    from isometry.tracking.detection.detector_models import detector_named
    from isometry.tracking.parameters import TrackingParameters
    from isometry.tracking.tracks.tracker import Tracker

    parameters = TrackingParameters(detector=detector_named(detections))
    return lambda: Tracker(parameters)


def _publish(
    origin: dict[str, Any],
    headline: dict[str, Any],
    by_class: dict[str, Any],
    results: list[ClassResult],
    json_file: Path | None,
    report: Path | None,
) -> None:
    from dataclasses import asdict

    from isometry.evaluation.common.provenance import write_json

    objects = [asdict(each) for each in results[0].objects]
    result = origin | headline | {"classes": by_class, "objects": objects}
    if json_file is not None:
        write_json(json_file, result)
    if report is not None:
        from isometry.evaluation.tracking.report import write_report

        write_report(report, result, results)
    _print(headline, by_class, objects if results[0].from_scans else [])


def _print(headline: dict[str, Any], by_class: dict[str, Any], objects: list[dict[str, Any]]) -> None:
    """The main figures; the JSON has everything."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    columns = {
        "sAMOTA": "sAMOTA",
        "MOTA": "MOTA",
        "MOTP": "MOTP",
        "HOTA": "HOTA",
        "IDF1": "IDF1",
        "id_switches": "IDs",
        "fragmentations": "frag",
        "false_positives": "FP",
        "false_negatives": "FN",
    }
    table = Table("class", "IoU", *columns.values(), box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for label, figures in by_class.items():
        for iou, values in figures["ious"].items():
            table.add_row(label, iou, *(_figure(values[name]) for name in columns))
    console.print(table)
    if objects:
        titles = {
            "sequence": "seq",
            "id": "id",
            "label": "label",
            "frames": "frames",
            "coverage": "found",
            "ids": "ids",
            "longest_gap": "gap",
            "speed_m_s": "m/s",
            "speed_error_m_s": "wrong by",
        }
        table = Table(*titles.values(), box=SIMPLE, padding=(0, 1, 0, 0))
        for each in objects:
            table.add_row(*(_cell(each[name]) for name in titles))
        console.print(table)
    for label, figures in by_class.items():
        console.print(f"{label}: {figures['frames_per_second']:.0f} frames a second inside the tracker")
    if "turn_error_m" in headline:
        error, within = headline["turn_error_m"], 100.0 * headline["turn_within_1_mm"]
        console.print(f"turned: {within:.4g} % of the tracks within 1 mm, all within {error:.2g} m")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _figure(value: float | int) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
