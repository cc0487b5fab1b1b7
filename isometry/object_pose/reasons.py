"""Why a detection has no pose, in words."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array, Flags

REASONS = {
    "bad_box": "its box is not finite or has no size",
    "too_many": "others have higher scores",
    "unknown": "no mesh of that name is known",
    "too_small": "too few pixels show it",
    "no_depth": "too little depth was measured on it",
    "other_size": "what was measured is not of its size: another object, or several",
    "no_hypothesis": "no pose comes near to what was measured",
    "several": "more is seen than this object explains: several that touch, or another one",
    "too_much_cut": "the border of the image cuts it on several sides",
    "low_confidence": "no pose is certain enough",
    "out_of_time": "the time for an image was over",
}
"""Why a detection has no pose."""
OTHER_UNITS = {"millimetres": 1000.0, "centimetres": 100.0}
"""Of one metre."""


def size_in_words(mask: Flags, depth: Array, camera: Array, diameter: float) -> str:
    """Names another unit where it explains a size in a mask (H,W) that is not the object's; else nothing."""
    v, u = np.nonzero(mask & (depth > 0.0))
    if len(v) == 0:
        return ""
    distance = float(np.median(depth[v, u]))
    extent = max(np.ptp(u), np.ptp(v)) * distance / camera[0, 0]
    for unit, factor in OTHER_UNITS.items():
        if 0.3 < extent / factor / diameter < 2.0:
            return f"what was measured is about {factor:g} times its size: is the depth in {unit}?"
        if 0.3 < extent * factor / diameter < 2.0:
            return f"its mesh is about {factor:g} times the size of what was measured: is it in {unit}?"
    return ""
