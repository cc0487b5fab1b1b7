"""What the values of an input tell of its unit."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.sensing.units import (
    check_coordinates,
    check_metres,
    check_radians,
    check_seconds,
    check_specific_force,
)

RANGES = np.random.default_rng(0).gamma(2.0, 6.0, 1000)  # metres


@pytest.mark.parametrize(("scale", "unit"), [(100.0, "centimetre"), (1000.0, "millimetre"), (1e6, "micrometre")])
def test_ranges_of_another_unit_are_named(scale: float, unit: str) -> None:
    check_metres(RANGES**2)
    with pytest.raises(ValueError, match=f"more than 300 m from the sensor: is their unit the {unit}"):
        check_metres((scale * RANGES) ** 2)


def test_whole_numbers_are_no_metres_unless_they_are_few_or_near() -> None:
    wide = np.random.default_rng(0).integers(-500, 500, (200, 3)).astype(np.float64)
    with pytest.raises(ValueError, match="whole numbers"):
        check_coordinates(wide)
    for fine in (wide[:50], np.round(wide / 20.0), wide + 0.25, np.zeros((0, 3))):
        check_coordinates(fine)


def test_angles_in_degrees_are_named() -> None:
    check_radians(np.linspace(-6.4, 6.4, 50))
    check_radians(np.zeros(0))
    with pytest.raises(ValueError, match="an angle of 90 rad: is its unit the degree"):
        check_radians(np.array([0.0, -90.0]))


@pytest.mark.parametrize(("scale", "unit"), [(1e3, "ms"), (1e6, "us"), (1e9, "ns")])
@pytest.mark.parametrize("rate_hz", [2.0, 10.0, 30.0])
def test_times_of_another_unit_are_named(scale: float, unit: str, rate_hz: float) -> None:
    times = np.arange(100) / rate_hz
    check_seconds(times)
    check_seconds(times[:1])
    if scale / rate_hz > 50.0:
        with pytest.raises(ValueError, match=f"from one frame to the next: is their unit {unit}"):
            check_seconds(scale * times)


@pytest.mark.parametrize("force", [9.78, 9.83, 7.0, 14.0])
def test_gravity_is_gravity(force: float) -> None:
    check_specific_force(force)


@pytest.mark.parametrize(
    ("force", "guess"),
    [(1.0, "unit g"), (1000.0, "unit milli-g"), (981.0, "unit cm/s2"), (32.2, "unit ft/s2"), (0.02, "been taken out")],
)
def test_another_specific_force_is_named(force: float, guess: str) -> None:
    with pytest.raises(ValueError, match=f"m/s2 on average, where gravity is 9.8: .*{guess}"):
        check_specific_force(force)
