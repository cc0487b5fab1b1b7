"""What each class of object can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectKind:
    """How objects of one class move. Standard deviations unless said otherwise."""

    acceleration: float  # metres a second squared
    turn_acceleration: float  # radians a second squared, of the yaw rate
    birth_speed: float  # metres a second, of a new object whose velocity nobody knows
    gate: float  # metres from where it is expected, within which a detection can be of it


KINDS = {
    "car": ObjectKind(6.0, 0.5, 6.0, 4.0),
    "pedestrian": ObjectKind(3.0, 1.5, 1.5, 1.5),
    "cyclist": ObjectKind(4.0, 1.0, 4.0, 2.5),
}
OTHER = ObjectKind(4.0, 1.0, 3.0, 2.5)


def kind_of(label: str) -> ObjectKind:
    """The kind of a class name, whatever its case; names that nobody knows are of kind `OTHER`."""
    return KINDS.get(label.lower(), OTHER)
