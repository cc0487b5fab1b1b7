"""Checks of units: what its values tell of the unit of an input. Each names the unit that it suspects, in one line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FURTHEST_MEDIAN_METRES = 300.0  # no LiDAR measures a median range beyond
USUAL_MEDIAN_METRES = 8.0  # of the ranges of a scan, indoors or out
FINER_UNITS = {"centimetre": 100.0, "millimetre": 1000.0, "micrometre": 1e6}  # in a metre
FEWEST_POINTS = 100  # below, whole numbers can be chance
WIDEST_WHOLE_METRES = 100.0  # a model whose corners are whole metres is smaller
LARGEST_ANGLE = 10.0  # rad; angles beyond one turn and a half are degrees
GRAVITY = 9.81  # m/s2
LEAST_GRAVITY, MOST_GRAVITY = 6.0, 16.0  # m/s2, mean specific force of anything that drives, walks or flies
FORCE_UNITS = {"g": GRAVITY, "milli-g": 1e-3 * GRAVITY, "cm/s2": 0.01, "ft/s2": 0.3048}  # in m/s2
FORCE_TOLERANCE = 0.35  # of the guess of a unit
SLOWEST_STEP_S = 50.0  # between two frames of a drive
FINER_TIMES = {"ms": 1e3, "us": 1e6, "ns": 1e9}  # in a second
USUAL_STEP_S = 0.2


def check_metres(squared_ranges: NDArray[np.floating]) -> None:
    """Raise ValueError where most of the squared distances (N,) from the sensor are too large to be square metres."""
    far = np.count_nonzero(squared_ranges > FURTHEST_MEDIAN_METRES**2)
    if far > len(squared_ranges) / 2:
        median = float(np.sqrt(np.median(squared_ranges)))
        raise ValueError(
            f"{far} of {len(squared_ranges)} points lie more than {FURTHEST_MEDIAN_METRES:g} m from the sensor: "
            f"is their unit the {_nearest(median, USUAL_MEDIAN_METRES, FINER_UNITS)}?"
        )


def check_coordinates(points: NDArray[np.floating]) -> None:
    """Raise ValueError where finite points (N,3) over more than 100 m have only whole numbers: no sensor rounds so."""
    extent = float(np.ptp(points, axis=0).max(initial=0.0)) if len(points) else 0.0
    if len(points) >= FEWEST_POINTS and extent > WIDEST_WHOLE_METRES and (points == np.floor(points)).all():
        raise ValueError(
            f"all coordinates are whole numbers, over {extent:g}: is their unit the centimetre or the millimetre, "
            "and not the metre?"
        )


def check_radians(angles: NDArray[np.floating]) -> None:
    """Raise ValueError where angles (N,) are too large to be radians."""
    largest = float(np.abs(angles).max(initial=0.0))
    if largest > LARGEST_ANGLE:
        raise ValueError(f"an angle of {largest:g} rad: is its unit the degree?")


def check_seconds(times: NDArray[np.floating]) -> None:
    """Raise ValueError where the median step of increasing times (N,) of frames is too long to be of seconds."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if step > SLOWEST_STEP_S:
        raise ValueError(
            f"{step:g} s from one frame to the next: is their unit {_nearest(step, USUAL_STEP_S, FINER_TIMES)}?"
        )


def check_specific_force(mean_m_s2: float) -> None:
    """Raise ValueError where the mean specific force of an IMU is not about that of gravity, 9.8 m/s2."""
    if LEAST_GRAVITY <= mean_m_s2 <= MOST_GRAVITY:
        return
    unit = min(FORCE_UNITS, key=lambda name: abs(mean_m_s2 * FORCE_UNITS[name] - GRAVITY))
    fits = abs(mean_m_s2 * FORCE_UNITS[unit] - GRAVITY) < FORCE_TOLERANCE * GRAVITY
    guess = f"is its unit {unit}?" if fits else "has gravity been taken out of it?"
    raise ValueError(f"the IMU's linear_acceleration is {mean_m_s2:.3g} m/s2 on average, where gravity is 9.8: {guess}")


def _nearest(value: float, usual: float, units: dict[str, float]) -> str:
    """The unit in which a value is nearest to the usual one, by ratio."""
    return min(units, key=lambda name: abs(np.log(max(value, 1e-9) / units[name] / usual)))
