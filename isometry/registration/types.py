"""What flows through registration: a prepared cloud, hypotheses of the transform, and the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from isometry.arrays import Array


class UnusableCloudError(ValueError):
    """A cloud that cannot be registered; the message says why in one line."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """A cloud made ready for registration, once, by `preprocessing.prepare`. N points. Equal only to itself.

    `points` are spaced about `resolution` metres apart and lie in the cloud's own frame.
    """

    points: Array  # (N,3) metres
    normals: Array  # (N,3) unit; they point to `viewpoint` where it is known, else their sign means nothing
    resolution: float  # metres between points; a pair is registered at the coarser of its two resolutions
    viewpoint: Array | None  # (3,) metres, where the sensor stood; None for a map or a model
    up: Array | None = None  # (3,) unit, against gravity, where an IMU or a level frame tells it


@dataclass(frozen=True)
class Hypotheses:
    """Transforms that one source proposes, best first. H of them."""

    T_target_source: Array  # (H,4,4)
    support: Array  # (H,) how much speaks for each, comparable only within one source
    proposed_by: str  # name of the source


class Proposer(Protocol):
    """A source of hypotheses: geometry or a network, chosen by name."""

    name: str

    def propose(self, target: Cloud, source: Cloud) -> Iterable[Hypotheses]:
        """Transforms to verify, likely ones first; nobody asks for more once one of them is verified beyond doubt.

        Both clouds have the same resolution.
        """
        ...


@dataclass(frozen=True)
class Registration:
    """The answer for a pair. When not `accepted`, the transform is the best found, and `reason` says why not."""

    T_target_source: Array  # (4,4)
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw of the source's frame in the target's; metres, radians
    confidence: float  # calibrated probability that the transform is right: within 5 degrees and 5 resolutions
    accepted: bool
    reason: str  # "ok", "low_confidence", "no_hypothesis"
    overlap: float  # share of the source's points that lie on a surface of the target, 0 to 1
    proposed_by: str  # the source of the transform, "" for none
    evidence: dict[str, float] = field(default_factory=dict)  # what the confidence was computed from, by name
    seconds: dict[str, float] = field(default_factory=dict)  # time of each stage
