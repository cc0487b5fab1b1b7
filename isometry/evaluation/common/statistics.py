"""Means, medians and percentiles that are None, as JSON has neither NaN nor infinity, where they have no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array


def mean(values: Sequence[float] | NDArray[Any]) -> float | None:
    """The mean; of flags it is the share of those that are true. None without values."""
    return float(np.mean(values)) if len(values) else None


def median(values: Sequence[float]) -> float | None:
    """The median; None without values and where it is infinite."""
    return finite(float(np.median(values))) if len(values) else None


def percentile(values: NDArray[Any], percent: float) -> float | None:
    """A percentile; None without values."""
    return float(np.percentile(values, percent)) if len(values) else None


def median_and_p90(values: Sequence[float] | Array) -> dict[str, float | None]:
    """The median and the 90th percentile of the values that are not NaN."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return {"median": percentile(known, 50), "p90": percentile(known, 90)}


def finite(value: float) -> float | None:
    """The value; None where it is NaN or infinite."""
    return value if np.isfinite(value) else None
