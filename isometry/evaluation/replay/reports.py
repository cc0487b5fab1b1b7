"""The report of a replay, whichever node it was of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from isometry.evaluation.common.provenance import provenance
from isometry.evaluation.replay.answers import warnings
from isometry.evaluation.replay.depth_egomotion import report as camera_report
from isometry.evaluation.replay.lidar_odometry import report as lidar_report
from isometry.evaluation.replay.object_pose import report as object_report
from isometry.evaluation.replay.odometry import judgement as odometry_judgement
from isometry.evaluation.replay.odometry.sections import headline as odometry_headline
from isometry.evaluation.replay.place_recognition import judgement as place_judgement
from isometry.evaluation.replay.place_recognition import report as place_report
from isometry.evaluation.replay.recording import (
    DepthEgomotionRecording,
    LidarOdometryRecording,
    NodeRecording,
    ObjectPoseRecording,
    PlaceRecognitionRecording,
    RelocalizationRecording,
    TrackingRecording,
)
from isometry.evaluation.replay.relocalization import judgement as relocalization_judgement
from isometry.evaluation.replay.relocalization import report as relocalization_report
from isometry.evaluation.replay.tracking import figures as tracking_figures
from isometry.evaluation.replay.tracking import report as tracking_report
from isometry.evaluation.replay.tracking.robot import robot_poses
from isometry.place_recognition.mapping import PlaceMapperParameters


class Report(NamedTuple):
    """What was written, and the most important of it."""

    page: Path
    headline: list[tuple[str, str]]  # values as text, and what they are
    warnings: list[str]  # what a reader must know before


def write_report(bag: Path, rate: float, recording: NodeRecording, folder: Path, truth: str) -> Report:
    """Judge a replay of `bag` by the true poses on the topic `truth`, and write report.html and report.json.

    Raises DatasetError when the poses in the bag cannot be read.
    """
    model, sha256 = (recording.diagnostics.get(name, "none") for name in ("model", "model_sha256"))
    made = provenance(f"{bag.name}, replayed at rate {rate:g}", model, sha256)
    return WRITERS[type(recording)](bag, recording, folder, truth, made)


def _lidar_odometry(
    bag: Path, recording: LidarOdometryRecording, folder: Path, truth: str, made: dict[str, Any]
) -> Report:
    judgement = odometry_judgement.judge(bag, recording, truth)
    figures = odometry_judgement.figures(recording, judgement)
    page = lidar_report.write_report(folder, figures, made, recording, judgement)
    return Report(page, odometry_headline(figures), warnings(figures, recording))


def _depth_egomotion(
    bag: Path, recording: DepthEgomotionRecording, folder: Path, truth: str, made: dict[str, Any]
) -> Report:
    judgement = odometry_judgement.judge(bag, recording, truth)
    figures = camera_report.figures(recording, judgement)
    page = camera_report.write_report(folder, figures, made, recording, judgement)
    return Report(page, camera_report.headline(figures), warnings(figures, recording))


def _place_recognition(
    bag: Path, recording: PlaceRecognitionRecording, folder: Path, truth: str, made: dict[str, Any]
) -> Report:
    given, defaults = recording.given, PlaceMapperParameters()
    gates = replace(
        defaults,
        loop_min_age=float(given.get("loop_min_age", defaults.loop_min_age)),
        loop_min_travel=float(given.get("loop_min_travel", defaults.loop_min_travel)),
    )
    judgement = place_judgement.judge(bag, recording, gates, truth)
    figures = place_judgement.figures(recording, judgement)
    page = place_report.write_report(folder, figures, made, recording, judgement)
    return Report(page, place_report.headline(figures), warnings(figures, recording))


def _relocalization(
    bag: Path, recording: RelocalizationRecording, folder: Path, truth: str, made: dict[str, Any]
) -> Report:
    judgement = relocalization_judgement.judge(bag, recording, truth)
    figures = relocalization_judgement.figures(recording, judgement)
    page = relocalization_report.write_report(folder, figures, made, recording, judgement)
    return Report(page, relocalization_report.headline(figures), warnings(figures, recording))


def _tracking(bag: Path, recording: TrackingRecording, folder: Path, truth: str, made: dict[str, Any]) -> Report:
    figures = tracking_figures.figures(recording)
    page = tracking_report.write_report(folder, figures, made, recording, robot_poses(bag, recording))
    return Report(page, tracking_report.headline(figures), warnings(figures, recording))


def _object_pose(bag: Path, recording: ObjectPoseRecording, folder: Path, truth: str, made: dict[str, Any]) -> Report:
    figures = object_report.figures(recording)
    page = object_report.write_report(folder, figures, made, recording)
    return Report(page, object_report.headline(figures), warnings(figures, recording))


WRITERS: dict[type[NodeRecording], Callable[[Path, Any, Path, str, dict[str, Any]], Report]] = {
    DepthEgomotionRecording: _depth_egomotion,
    LidarOdometryRecording: _lidar_odometry,
    ObjectPoseRecording: _object_pose,
    PlaceRecognitionRecording: _place_recognition,
    RelocalizationRecording: _relocalization,
    TrackingRecording: _tracking,
}
"""By the type of the recording."""
