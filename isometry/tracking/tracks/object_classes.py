"""How objects of each class move."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectClass:
    """Standard deviations of one class."""

    acceleration: float  # metres a second squared
    turn_acceleration: float  # radians a second squared, of the yaw rate
    initial_speed: float  # metres a second, of a new object of unknown velocity
    wander: float  # metres, of a detection that shows a part of the object


CLASSES = {
    "car": ObjectClass(6.0, 0.5, 10.0, 0.5),
    "pedestrian": ObjectClass(3.0, 1.5, 2.0, 0.3),
    "cyclist": ObjectClass(4.0, 1.0, 6.0, 0.4),
}
OTHER = ObjectClass(4.0, 1.0, 4.0, 0.5)


def object_class(label: str) -> ObjectClass:
    """The class of that name, whatever its case; `OTHER` for an unknown name."""
    return CLASSES.get(label.lower(), OTHER)
