"""Means and medians that are None, as JSON has neither NaN nor infinity, where they have no value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean(values: Sequence[float]) -> float | None:
    """The mean; of flags it is the share of those that are true. None without values."""
    return float(np.mean(values)) if len(values) else None


def median(values: Sequence[float]) -> float | None:
    """The median; None without values and where it is infinite."""
    return finite(float(np.median(values))) if len(values) else None


def finite(value: float) -> float | None:
    """The value; None where it is NaN or infinite."""
    return value if np.isfinite(value) else None
