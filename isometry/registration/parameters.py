"""Parameters of registration."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class RegistrationParameters:
    """Parameters of the user; all other lengths are multiples of the clouds' resolution."""

    resolution: float = parameter(0.0, "metres between points; 0: by the extent of each cloud", 0.0, 5.0)
    fewest_points: int = parameter(200, "a cloud with fewer distinct points is refused", 50, 100000)
    aligned: int = parameter(5, "hypotheses of each round of a source that are aligned", 1, 50)
    beyond_doubt: float = parameter(0.98, "confidence from which no further source of hypotheses is used", 0.0, 1.0)
    least_confidence: float = parameter(0.9, "a transform less likely to be right than this is not accepted", 0.0, 1.0)
    threads: int = parameter(1, "threads of the refinement and of the networks", 1, 64)
