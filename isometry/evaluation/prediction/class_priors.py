"""How objects of each class of KITTI's labels usually move, before anything is known of the single object.

The numbers were chosen by hand (see ego_motion.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassPrior:
    """The usual motion of one class; deviations are standard deviations in metres a second."""

    stationary: float  # probability
    speed: float  # metres a second ahead, of those that move
    speed_deviation: float
    sideways_deviation: float = 0.4  # of the velocity across the heading
    initial_deviation: float = 8.0  # of the velocity of a new object, along either axis
    is_person: bool = False  # people turn on the spot, but nearly all who walk do so ahead


PRIORS = {
    "Pedestrian": ClassPrior(0.2, 1.3, 0.5, 0.5, 0.5, is_person=True),
    "Person": ClassPrior(0.9, 0.3, 0.5, 0.5, is_person=True),
    "Cyclist": ClassPrior(0.1, 4.5, 2.0, initial_deviation=2.0),
    "Car": ClassPrior(0.5, 9.0, 7.0),
    "Van": ClassPrior(0.5, 9.0, 7.0),
    "Truck": ClassPrior(0.4, 9.0, 7.0),
    "Misc": ClassPrior(0.6, 6.0, 6.0),
    "Tram": ClassPrior(0.3, 9.0, 6.0),
}
OTHER = ClassPrior(0.3, 4.0, 5.0)


def class_prior(label: str) -> ClassPrior:
    """The prior of a class as KITTI spells it; `OTHER` for a class that is not listed."""
    return PRIORS.get(label, OTHER)
