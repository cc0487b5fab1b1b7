"""ROS parameters out of parameter dataclasses (see isometry.parameters): declared with ranges, read back checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from isometry.parameters import from_mapping

Parameters = TypeVar("Parameters")
LARGEST_INTEGER = 2**62
"""An open end of a range of integers: ROS wants both."""


def declare(node: Node, kind: type, prefix: str = "") -> None:
    """Declare every field of a parameter dataclass as `prefix` + its name.

    Raises ValueError naming the parameter when a value given at the start is out of range or of another type.
    """
    for item in fields(kind):
        try:
            node.declare_parameter(prefix + item.name, item.default, descriptor(item))
        except InvalidParameterTypeException:
            hint = " (write 2.0, not 2)" if isinstance(item.default, float) else ""
            kind_name = type(item.default).__name__
            raise ValueError(f"parameter {prefix}{item.name} must be of type {kind_name}{hint}") from None
        except InvalidParameterValueException as error:
            low, high = item.metadata["low"], item.metadata["high"]
            raise ValueError(f"parameter {prefix}{item.name} is outside [{low}, {high}]: {error}") from None


def read(node: Node, kind: type[Parameters], prefix: str = "") -> Parameters:
    """The dataclass with the parameters' present values. Raises ValueError naming the first bad one."""
    names: Sequence[str] = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return from_mapping(kind, {name: node.get_parameter(prefix + name).value for name in names})


def descriptor(item: Field[Any]) -> ParameterDescriptor:
    """Description and range or choices of one field, as `ros2 param describe` shows them."""
    described = ParameterDescriptor(description=item.metadata["description"])
    low, high, choices = (item.metadata[name] for name in ("low", "high", "choices"))
    if choices:  # ROS shows them and does not check them; `read` does
        described.additional_constraints = f"one of {', '.join(choices)}"
    if low is None and high is None:
        return described
    if isinstance(item.default, int):
        lowest = int(-LARGEST_INTEGER if low is None else low)
        highest = int(LARGEST_INTEGER if high is None else high)
        described.integer_range = [IntegerRange(from_value=lowest, to_value=highest)]
    else:
        least, most = (float(-math.inf if low is None else low), float(math.inf if high is None else high))
        described.floating_point_range = [FloatingPointRange(from_value=least, to_value=most)]
    return described
