"""The data of registration: a prepared cloud, hypotheses of the transform, and the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from isometry.arrays import Array

Reason = Literal["ok", "low_confidence", "ambiguous", "no_hypothesis", "out_of_time"]


class UnusableCloudError(ValueError):
    """A cloud that cannot be registered; the message has the reason in one line."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """A cloud prepared for registration by `preprocessing.prepare`. N points. Equal only to itself.

    `points` are spaced about `resolution` metres apart and lie in the cloud's own frame.
    """

    points: Array  # (N,3) metres
    normals: Array  # (N,3) unit; towards `viewpoint` where it is known, else of arbitrary sign
    resolution: float  # metres between points; a pair is registered at the coarser of its two resolutions
    viewpoint: Array | None  # (3,) metres, position of the sensor; None for a map or a model
    up: Array | None = None  # (3,) unit, against gravity, where an IMU or a level frame gives it
    left_out: int = 0  # finite points as given, so far off all others that no sensor measured them


@dataclass(frozen=True)
class Hypotheses:
    """H transforms that one source proposes, best first."""

    T_target_source: Array  # (H,4,4)
    support: Array  # (H,) evidence for each, comparable only within one source
    proposed_by: str  # name of the source


class Proposer(Protocol):
    """A source of hypotheses, by geometry or by a network."""

    name: str

    def propose(self, target: Cloud, source: Cloud) -> Iterable[Hypotheses]:
        """Transforms to verify, likely ones first. The iteration stops once one of them is verified beyond doubt.

        Both clouds have the same resolution, and each lies in its canonical frame (`frames.py`).
        """
        ...


@dataclass(frozen=True)
class Registration:
    """The result for a pair, accepted or not.

    Reasons, "ok" when accepted: "low_confidence": the transform is the best found, but its confidence is too low;
    "ambiguous": it would be accepted, but for the `alternatives`, with which the clouds agree nearly as well, or
    because the surfaces do not determine it; "no_hypothesis": no source proposed a transform, and this one means
    nothing; "out_of_time": one of these, and the deadline came before all sources were used.
    """

    T_target_source: Array  # (4,4)
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw of the source's frame in the target's; metres, radians
    confidence: float  # calibrated probability that the transform is right: within 5 degrees and 5 resolutions
    accepted: bool
    reason: Reason
    overlap: float  # share of the source's points that lie on a surface of the target, 0 to 1
    proposed_by: str  # name of the source of the transform, "" without one
    evidence: dict[str, float] = field(default_factory=dict)  # from which the confidence was computed, by name
    seconds: dict[str, float] = field(default_factory=dict)  # duration of each stage
    alternatives: Array = field(default_factory=lambda: np.empty((0, 4, 4)))  # (A,4,4) T_target_source, best first
