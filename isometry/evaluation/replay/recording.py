"""What a node published while a bag was replayed: arrays, with the bag's stamps, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Integers
from isometry.datasets.errors import reading_arrays
from isometry.evaluation.common.statistics import percentile

Kind = TypeVar("Kind", bound="NodeRecording")
TEXTS = ("given", "diagnostics", "problems")
"""Fields that are mappings of texts."""
NOT_ITS_FAULT = ("ok", "no_input")
"""States that do not explain why messages have no answer: a bag that has ended gives no input."""


@dataclass(frozen=True)
class NodeRecording:
    """N scans (or messages of detections) were played, A of them were answered. Stamps are those of the bag.

    R reports came from the node, about one a second.
    """

    node: ClassVar[str]  # name of the node

    given: dict[str, str]  # parameters that the node was given, and topics of the bag by its own names
    scan_stamps_ns: Integers  # (N,)
    lateness_s: Array  # (N,) by how much each scan was played later than its time
    answer_stamps_ns: Integers  # (A,) stamps of the scans that were answered
    latency_s: Array  # (A,) from the moment a scan was published to the arrival of its answer, at wall clock
    report_scans: Integers  # (R,) how many scans had been played when the report came
    report_states: NDArray[np.str_]  # (R,) its state word
    diagnostics: dict[str, str]  # the node's last figures
    problems: dict[str, str]  # the last message of each state but ok, in the order in which they were left

    def save(self, path: Path) -> None:
        """Write as .npz, under a temporary name first."""
        arrays: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in TEXTS:
            arrays[name] = json.dumps(arrays[name])
        unfinished = path.with_suffix(".partial.npz")
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)

    @classmethod
    def load(cls: type[Kind], path: Path) -> Kind:
        """Read what `save` wrote. Raises ValueError naming a file that is not one."""
        with reading_arrays(path, "a recording of a replay") as arrays:
            values: dict[str, Any] = {item.name: arrays[item.name] for item in fields(cls)}
            for name in TEXTS:
                values[name] = json.loads(str(values[name]))
        return cls(**values)

    def figures(self) -> dict[str, Any]:
        """How many scans were answered and how fast, by name; None where it could not be measured."""
        scans, answers = len(self.scan_stamps_ns), len(self.answer_stamps_ns)
        refused, processed = (int(self.diagnostics.get(name, 0)) for name in ("refused", "processed"))
        without_answer = max(0, processed - refused - answers)
        return {
            "scans": scans,
            "answered": answers,
            "refused": refused,  # could not be used: see the problems
            "without_answer": without_answer,  # were used, and gave none: a robot that is lost has no pose
            "drops": max(0, scans - answers - refused - without_answer),  # lost on the way, or replaced by a newer scan
            "latency_p50_ms": percentile(self.latency_s * 1e3, 50),
            "latency_p99_ms": percentile(self.latency_s * 1e3, 99),
            "latency_max_ms": percentile(self.latency_s * 1e3, 100),
            "played_late_p99_ms": percentile(self.lateness_s * 1e3, 99),
            "provider": self.diagnostics.get("provider", "none"),  # nodes without a network have none
            "states": list(dict.fromkeys(self.report_states.tolist())),
            "problems": dict(self.problems),
            "given": dict(self.given),
            "node": self.diagnostics,
        }

    def failure(self) -> str:
        """Why the replay has failed, in one line: nothing was answered, or most was refused. Empty when it has not."""
        counts = self.figures()
        scans, answered, refused = (counts[name] for name in ("scans", "answered", "refused"))
        if answered and refused <= scans / 2:
            return ""
        causes = [message for state, message in self.problems.items() if state not in NOT_ITS_FAULT]
        cause = (causes or list(self.problems.values()) or ["the node has reported no problem"])[-1]
        what = f"{refused} of {scans} messages were refused" if answered else f"none of {scans} messages was answered"
        return f"{what}: {cause}"


@dataclass(frozen=True)
class OdometryRecording(NodeRecording):
    """The poses that an odometry published for A messages."""

    T_odom_base: Array  # (A,4,4)
    covariances: Array  # (A,6,6) x, y, z, rotations about x, y, z, along the axes of odom


@dataclass(frozen=True)
class LidarOdometryRecording(OdometryRecording):
    """The poses that LiDAR odometry published for A scans."""

    node: ClassVar[str] = "lidar_odometry"


@dataclass(frozen=True)
class DepthEgomotionRecording(OdometryRecording):
    """The poses that a depth and ego-motion node published for A images, and its K keyframes at the end."""

    node: ClassVar[str] = "depth_egomotion"

    keyframe_stamps_ns: Integers  # (K,)
    T_map_keyframe: Array  # (K,4,4) of the base, as corrected at the end


@dataclass(frozen=True)
class PlaceRecognitionRecording(NodeRecording):
    """The answers of a place-recognition node to A scans, and its K keyframes at the end."""

    node: ClassVar[str] = "place_recognition"

    accepted: NDArray[np.bool_]  # (A,)
    reasons: NDArray[np.str_]  # (A,)
    keyframes: Integers  # (A,) identifier of the matched keyframe, -1 = none
    confidences: Array  # (A,) 0 to 1
    first_candidates: Integers  # (A,) identifier of the nearest keyframe by descriptor alone, -1 = none
    T_keyframe_query: Array  # (A,4,4) NaN where the answer has no pose
    keyframe_stamps_ns: Integers  # (K,)
    T_map_keyframe: Array  # (K,4,4) as corrected at the end


@dataclass(frozen=True)
class RelocalizationRecording(NodeRecording):
    """The poses that relocalisation published for A scans, and the confidence of its reports."""

    node: ClassVar[str] = "relocalization"

    T_map_base: Array  # (A,4,4)
    covariances: Array  # (A,6,6) x, y, z, rotations about x, y, z, along the axes of the map
    report_confidences: Array  # (R,) of the last scan before the report, 0 to 1; NaN before the first scan


@dataclass(frozen=True)
class TrackingRecording(NodeRecording):
    """The answers of a tracking node: T rows, one for each track in each of A answers, in the order of the answers."""

    node: ClassVar[str] = "tracking"

    answers: Integers  # (T,) position of the row's answer in the answers
    ids: Integers  # (T,)
    labels: NDArray[np.str_]  # (T,)
    confidences: Array  # (T,) 0 to 1
    boxes: Array  # (T,7) x, y, z of the centre, length, width, height, yaw in the frame of the tracks
    frame: NDArray[np.str_]  # () name of that frame
    T_frame_base: Array  # (A,4,4) the robot, where the node itself publishes it on TF; else NaN


@dataclass(frozen=True)
class ObjectPoseRecording(NodeRecording):
    """The answers of an object pose node: T rows, one for each object in each of A answers, in the order of these."""

    node: ClassVar[str] = "object_pose"

    answers: Integers  # (T,) position of the row's answer in the answers
    names: NDArray[np.str_]  # (T,) name and number of the object
    confidences: Array  # (T,) 0 to 1
    modes: Integers  # (T,) number of poses that explain the images about as well
    T_frame_object: Array  # (T,4,4)
    covariances: Array  # (T,6,6) x, y, z, rotations about x, y, z, along the axes of the frame
    frame: NDArray[np.str_]  # () name of the frame of the poses

    def failure(self) -> str:
        """As of every node; and where no object has a pose in any answer, the reason why."""
        said = super().failure()
        if said or len(self.names):
            return said
        causes = [message for state, message in self.problems.items() if state not in NOT_ITS_FAULT]
        return f"no object has a pose: {(causes or ['no object was detected'])[-1]}"


KINDS: dict[str, type[NodeRecording]] = {
    kind.node: kind
    for kind in (
        DepthEgomotionRecording,
        LidarOdometryRecording,
        ObjectPoseRecording,
        PlaceRecognitionRecording,
        RelocalizationRecording,
        TrackingRecording,
    )
}
"""By the name of the node."""


def load_recording(path: Path) -> NodeRecording:
    """The recording of any node. Raises ValueError naming a file that is none."""
    with reading_arrays(path, "a recording of a replay") as arrays:
        names = set(arrays)
    for kind in KINDS.values():
        if names == {item.name for item in fields(kind)}:
            return kind.load(path)
    raise ValueError(f"{path}: not a recording of a replay, or one of another version")
