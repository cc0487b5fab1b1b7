"""What a place-recognition node said while a bag was replayed: arrays, with the bag's stamps, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Recording:
    """N scans were played, A of them were answered, K keyframes were left at the end. Stamps are the bag's."""

    scan_stamps_ns: Integers  # (N,)
    answer_stamps_ns: Integers  # (A,) stamps of the scans that were answered
    latency_s: Array  # (A,) from the moment a scan was published to the arrival of its answer, at wall clock
    accepted: NDArray[np.bool_]  # (A,)
    reasons: NDArray[np.str_]  # (A,)
    keyframes: Integers  # (A,) identifier of the matched keyframe, -1 = none
    confidences: Array  # (A,) 0 to 1
    first_candidates: Integers  # (A,) identifier of the nearest keyframe by descriptor alone, -1 = none
    T_keyframe_query: Array  # (A,4,4) NaN where the answer has no pose
    keyframe_stamps_ns: Integers  # (K,)
    T_map_keyframe: Array  # (K,4,4) as corrected at the end
    lateness_s: Array  # (N,) by how much each scan was played later than its time
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
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            values: dict[str, Any] = {item.name: arrays[item.name] for item in fields(cls)}
        values["diagnostics"] = json.loads(str(values["diagnostics"]))
        values["states"] = tuple(json.loads(str(values["states"])))
        return cls(**values)
