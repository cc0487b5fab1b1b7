"""How objects of each class move, and which names of classes mean the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectClass:
    """Standard deviations of one class."""

    acceleration: float  # metres a second squared
    turn_acceleration: float  # radians a second squared, of the yaw rate
    initial_speed: float  # metres a second along an axis, of a new object: nothing is known of its velocity
    wander: float  # metres, of a detection that shows a part of the object


CLASSES = {
    "car": ObjectClass(6.0, 0.5, 20.0, 0.5),
    "pedestrian": ObjectClass(3.0, 1.5, 2.0, 0.3),
    "cyclist": ObjectClass(4.0, 1.0, 8.0, 0.4),
    "unknown": ObjectClass(4.0, 1.0, 4.0, 0.5),
}
OTHER = ObjectClass(6.0, 1.0, 15.0, 0.5)
SAME = {"person": "pedestrian", "bicycle": "cyclist", "bicyclist": "cyclist", "vehicle": "car", "van": "car"}


def object_class(label: str) -> ObjectClass:
    """The class of that name, whatever its case; `OTHER` for an unknown name."""
    name = label.lower()
    return CLASSES.get(SAME.get(name, name), OTHER)
