"""A scan of the robot that is to be located."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isometry.registration.types import Cloud
from isometry.registration.visibility import VisibleRange

REACH_QUANTILE = 0.95  # of the ranges of a scan's thinned points
REACH_RESOLUTIONS = 160.0  # longest reach over the resolution: a narrow place has a fine one, whatever a door lets see


@dataclass(frozen=True)
class Scan:
    """A scan in the base frame, as measured and prepared for registration."""

    points: NDArray[np.floating]  # (N,3) metres, as measured
    cloud: Cloud  # thinned; its viewpoint is the sensor's position
    began_s: float = 0.0  # when the work on it began, by `time.perf_counter`
    time_limit_s: float = math.inf  # after which no further place is searched

    @cached_property
    def reach(self) -> float:
        """Metres from the base within which nearly all of its points lie, as far as its resolution suits them."""
        reach = float(np.quantile(np.linalg.norm(self.cloud.points, axis=1), REACH_QUANTILE))
        return min(reach, REACH_RESOLUTIONS * self.cloud.resolution)

    @cached_property
    def visible(self) -> VisibleRange | None:
        """Ranges by all points: where near surfaces are thinned, a ray seems to pass between their points.

        None for a scan without a viewpoint.
        """
        if self.cloud.viewpoint is None:
            return None
        measured = self.points[np.isfinite(self.points).all(axis=1)].astype(np.float64)
        ranges = np.linalg.norm(measured - self.cloud.viewpoint, axis=1)
        farthest = np.linalg.norm(self.cloud.points - self.cloud.viewpoint, axis=1).max()
        used = (ranges > self.cloud.resolution) & (ranges < farthest + self.cloud.resolution)  # neither 0 nor far off
        return VisibleRange(measured[used], self.cloud.viewpoint)

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.perf_counter() >= self.began_s + self.time_limit_s
