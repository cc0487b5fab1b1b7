"""The covariance of a place's pose."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import planar
from isometry.place_recognition.calibration import (
    SENSOR_METRES,
    confidence,
    confidence_without_rival,
    covariance,
    floor,
)


def test_a_sensor_off_the_centre_of_its_image_stays_inside_two_sigma_however_the_robot_comes_back() -> None:
    offset = np.array([SENSOR_METRES, SENSOR_METRES])
    for yaw in np.linspace(-np.pi, np.pi, 25):
        error = offset - planar.rotations(yaw) @ offset
        sigma = np.sqrt(np.diagonal(floor(float(yaw)))[:2])
        assert (np.abs(error) <= 2.0 * sigma).all()


def test_the_position_is_as_exact_as_the_images_where_the_robot_comes_back_the_same_way() -> None:
    information = 1e12 * np.eye(3)
    same, turned = (np.sqrt(np.diagonal(covariance(information, yaw)))[[0, 1, 5]] for yaw in (0.0, np.pi))
    assert same == pytest.approx([0.05, 0.05, np.radians(0.1)], rel=1e-2)
    assert turned[:2] == pytest.approx(np.hypot(0.05, 2.0 * SENSOR_METRES), rel=1e-2)
    assert turned[2] == pytest.approx(same[2])


def test_where_another_place_agrees_as_well_the_confidence_is_one_half_at_most() -> None:
    evidence = {"agreement": 1.0, "log_support": 6.0, "repetition": 0.2, "lead": 0.0, "support_lead": 0.0}
    assert confidence(evidence) <= 0.5
    assert confidence_without_rival(evidence) > 0.95
