"""The class of an object, as its detections say together."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.tracking.tracks.class_belief import CONFUSED, believed, likeliest, log_agreement


def after(labels: list[str]) -> dict[str, float]:
    belief: dict[str, float] = {}
    for label in labels:
        belief = believed(belief, {label: 0.8})
    return belief


def test_a_long_belief_outweighs_a_few_detections_and_gives_way_to_many() -> None:
    assert likeliest(after(["car"] * 30 + ["truck"] * 5)) == "car"
    assert likeliest(after(["car"] * 30 + ["truck"] * 20)) == "truck"


def test_equal_weights_are_settled_the_same_way_each_time() -> None:
    assert likeliest({"truck": 1.0, "car": 1.0}) == likeliest({"car": 1.0, "truck": 1.0}) == "car"


def test_a_belief_is_not_changed_in_place() -> None:
    belief = {"car": 1.0}
    believed(belief, {"truck": 0.5})
    assert belief == {"car": 1.0}


def test_another_class_costs_its_odds() -> None:
    belief = {"car": 3.0, "truck": 1.0}
    assert log_agreement({"car": 2.0}, {"car": 0.9}) == 0.0
    assert log_agreement(belief, {"truck": 0.9}) == pytest.approx(np.log(0.25))
    assert log_agreement(belief, {"truck": 0.5, "car": 0.4}) == 0.0
    assert log_agreement(belief, {"pedestrian": 0.9}) == pytest.approx(np.log(CONFUSED))
