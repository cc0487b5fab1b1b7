"""Typed parameters: one frozen dataclass for each component, the single source of defaults, ranges and descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, field, fields
from typing import Any, TypeVar

Parameters = TypeVar("Parameters")


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """A dataclass field with a description and a range or choices, for ROS, YAML and the documentation.

    `low` and `high` are the inclusive bounds of a number, in the unit of the field's name or description. `choices` are
    the allowed values of a text; without them it is free.
    """
    metadata = {"description": description, "low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata=metadata)


def check(parameters: Any) -> None:
    """Raise ValueError naming the first field with another type than its default, outside its range or choices."""
    for item in fields(parameters):
        value = getattr(parameters, item.name)
        _check_type(item, value)
        low, high, choices = (item.metadata[name] for name in ("low", "high", "choices"))
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"parameter {item.name} = {value} is outside [{low}, {high}]")
        if choices and value not in choices:
            raise ValueError(f"parameter {item.name} = {value!r} must be one of {', '.join(choices)}")


def _check_type(item: Field[Any], value: Any) -> None:
    expected = type(item.default)
    accepted = (int, float) if expected is float else expected
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise ValueError(f"parameter {item.name} = {value!r} must be of type {expected.__name__}")


def from_mapping(parameters: type[Parameters], values: Mapping[str, Any]) -> Parameters:
    """A parameter dataclass from a mapping (YAML, ROS). Raises ValueError for an unknown name or a bad value."""
    unknown = set(values) - {item.name for item in fields(parameters)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"unknown parameter {sorted(unknown)[0]!r} for {parameters.__name__}")
    built = parameters(**values)
    check(built)
    return built
