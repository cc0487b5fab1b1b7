"""What each class of object can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectKind:
    """How objects of one class move. Standard deviations unless said otherwise."""

    acceleration: float  # metres a second squared
    turn_acceleration: float  # radians a second squared, of the yaw rate
    birth_speed: float  # metres a second, of a new object whose velocity nobody knows
    wander: float  # metres that a detection can be beside it at worst, where it is seen in part


KINDS = {
    "car": ObjectKind(6.0, 0.5, 10.0, 0.5),
    "pedestrian": ObjectKind(3.0, 1.5, 2.0, 0.3),
    "cyclist": ObjectKind(4.0, 1.0, 6.0, 0.4),
}
OTHER = ObjectKind(4.0, 1.0, 4.0, 0.5)


def kind_of(label: str) -> ObjectKind:
    """The kind of a class name, whatever its case; names that nobody knows are of kind `OTHER`."""
    return KINDS.get(label.lower(), OTHER)
