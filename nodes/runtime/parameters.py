"""ROS parameters out of parameter dataclasses (see isometry.parameters): declared with ranges, read back checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import Field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from isometry.parameters import from_mapping

Parameters = TypeVar("Parameters")
LARGEST_INTEGER = 2**62
"""An open end of a range of integers: ROS wants both."""

OTHERS = ("qos_overrides.", "start_type_description_service")
"""Beginnings of the names of parameters that are not in a dataclass: rclpy declares them."""


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


def unknown(node: Node) -> list[str]:
    """What is wrong with the names given at the start that are no parameters of the node, a line each."""
    given: Sequence[str] = list(node._parameter_overrides)
    known = set(node.get_parameters_by_prefix("")) | {"use_sim_time"}
    lines = []
    for name in sorted(set(given) - known):
        if not name.startswith(OTHERS):
            near = get_close_matches(name, known, 1)
            lines.append(f"{name} is no parameter of this node" + (f": is it {near[0]}?" if near else ""))
    return lines


class Guard:
    """Refuses, by name and with the reason, values that are no choice and those that would have no effect."""

    def __init__(self, node: Node, kinds: Sequence[tuple[str, type]], live: Collection[str]) -> None:
        """`kinds` are (prefix, parameter dataclass); `live` are names that take effect at any time."""
        self.configured = False
        self._fields = {prefix + item.name: item for prefix, kind in kinds for item in fields(kind)}
        self._live = live
        node.add_on_set_parameters_callback(self._check)

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            item = self._fields.get(change.name)
            if item is None:
                continue
            choices = item.metadata["choices"]
            if choices and change.value not in choices:
                reason = f"{change.name} = {change.value!r} must be one of {', '.join(choices)}"
                return SetParametersResult(successful=False, reason=reason)
            if self.configured and change.name not in self._live:
                reason = f"{change.name} is read when the node is configured: deactivate it and clean it up first"
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)


def read(node: Node, kind: type[Parameters], prefix: str = "") -> Parameters:
    """The dataclass with the parameters' present values. Raises ValueError naming the first bad one."""
    names: Sequence[str] = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return from_mapping(kind, {name: node.get_parameter(prefix + name).value for name in names})


def descriptor(item: Field[Any]) -> ParameterDescriptor:
    """Description and range or choices of one field, as `ros2 param describe` shows them."""
    described = ParameterDescriptor(description=item.metadata["description"])
    low, high, choices = (item.metadata[name] for name in ("low", "high", "choices"))
    if choices:  # ROS shows them and does not check them; `Guard` and `read` do
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
