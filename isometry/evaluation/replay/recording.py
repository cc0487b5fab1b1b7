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


@dataclass(frozen=True)
class NodeRecording:
    """N scans (or messages of detections) were played, A of them were answered. Stamps are those of the bag."""

    node: ClassVar[str]  # name of the node

    scan_stamps_ns: Integers  # (N,)
    lateness_s: Array  # (N,) by how much each scan was played later than its time
    answer_stamps_ns: Integers  # (A,) stamps of the scans that were answered
    latency_s: Array  # (A,) from the moment a scan was published to the arrival of its answer, at wall clock
    diagnostics: dict[str, str]  # the node's last figures
    states: tuple[str, ...]  # every state word that the node was in, in order of appearance

    def save(self, path: Path) -> None:
        """Write as .npz, under a temporary name first."""
        arrays: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        arrays["diagnostics"] = json.dumps(self.diagnostics)
        arrays["states"] = json.dumps(self.states)
        unfinished = path.with_suffix(".partial.npz")
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)

    @classmethod
    def load(cls: type[Kind], path: Path) -> Kind:
        """Read what `save` wrote. Raises ValueError naming a file that is not one."""
        with reading_arrays(path, "a recording of a replay") as arrays:
            values: dict[str, Any] = {item.name: arrays[item.name] for item in fields(cls)}
        values["diagnostics"] = json.loads(str(values["diagnostics"]))
        values["states"] = tuple(json.loads(str(values["states"])))
        return cls(**values)

    def figures(self) -> dict[str, Any]:
        """How many scans were answered and how fast, by name; None where it could not be measured."""
        scans, answers = len(self.scan_stamps_ns), len(self.answer_stamps_ns)
        received, published, dropped = (int(self.diagnostics.get(name, 0)) for name in COUNTED)
        refused = max(0, received - published - dropped)
        return {
            "scans": scans,
            "answered": answers,
            "refused": refused,  # received, and could not be used: see the node's log
            "drops": scans - answers - refused,  # lost in transport, or replaced by a newer scan in the queue
            "latency_p50_ms": percentile(self.latency_s * 1e3, 50),
            "latency_p99_ms": percentile(self.latency_s * 1e3, 99),
            "latency_max_ms": percentile(self.latency_s * 1e3, 100),
            "played_late_p99_ms": percentile(self.lateness_s * 1e3, 99),
            "provider": self.diagnostics.get("provider", "unknown"),
            "states": list(self.states),
            "node": self.diagnostics,
        }


COUNTED = ("received", "published", "drops")
"""Counts of messages in the diagnostics of every node."""


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
class TrackingRecording(NodeRecording):
    """The answers of a tracking node: T rows, one for each track in each of A answers, in the order of the answers."""

    node: ClassVar[str] = "tracking"

    answers: Integers  # (T,) position of the row's answer in the answers
    ids: Integers  # (T,)
    labels: NDArray[np.str_]  # (T,)
    confidences: Array  # (T,) 0 to 1
    boxes: Array  # (T,7) x, y, z of the centre, length, width, height, yaw in the frame of the tracks
    frame: NDArray[np.str_]  # () name of that frame


def load_recording(path: Path) -> PlaceRecognitionRecording | TrackingRecording:
    """The recording of any node. Raises ValueError naming a file that is none."""
    with reading_arrays(path, "a recording of a replay") as arrays:
        kind = TrackingRecording if "ids" in arrays else PlaceRecognitionRecording
    return kind.load(path)
