"""Parameter dataclasses as ROS parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from isometry.nodes.runtime import parameters
from isometry.parameters import parameter


@dataclass(frozen=True)
class Example:
    count: int = parameter(3, "things", 1, 10)
    open_ended: int = parameter(5, "more things", 0)
    radius: float = parameter(2.5, "metres", 0.0, 100.0)
    half_open: float = parameter(1.0, "metres", low=0.5)
    name: str = parameter("a", "any name")
    source: str = parameter("tf", "where from", choices=("tf", "topic"))
    on: bool = parameter(True, "whether")


@contextmanager
def node_with(**overrides: Any) -> Iterator[Node]:
    values = [Parameter(f"example.{name}", value=value) for name, value in overrides.items()]
    node = Node("example", parameter_overrides=values)
    try:
        yield node
    finally:
        node.destroy_node()


@pytest.mark.usefixtures("ros")
def test_defaults_and_overrides_come_back_as_the_dataclass() -> None:
    with node_with(count=7, name="b") as node:
        parameters.declare(node, Example, "example.")
        assert parameters.read(node, Example, "example.") == Example(count=7, name="b")


@pytest.mark.usefixtures("ros")
def test_ranges_and_descriptions_are_those_of_the_dataclass() -> None:
    with node_with() as node:
        parameters.declare(node, Example, "example.")
        radius = node.describe_parameter("example.radius")
        assert radius.description == "metres"
        assert (radius.floating_point_range[0].from_value, radius.floating_point_range[0].to_value) == (0.0, 100.0)
        count = node.describe_parameter("example.count")
        assert (count.integer_range[0].from_value, count.integer_range[0].to_value) == (1, 10)
        assert node.describe_parameter("example.source").additional_constraints == "one of tf, topic"


@pytest.mark.usefixtures("ros")
@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"count": 11}, "parameter example.count is outside"),
        ({"radius": -1.0}, "parameter example.radius is outside"),
        ({"half_open": 0.4}, "parameter example.half_open is outside"),
        ({"radius": 2}, r"parameter example.radius must be of type float \(write 2.0, not 2\)"),
        ({"on": "yes"}, "parameter example.on must be of type bool"),
    ],
)
def test_a_bad_value_at_the_start_is_refused_by_name(overrides: dict[str, Any], words: str) -> None:
    with node_with(**overrides) as node, pytest.raises(ValueError, match=words) as caught:
        parameters.declare(node, Example, "example.")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("ros")
def test_a_value_outside_the_choices_is_refused_when_it_is_read() -> None:
    with node_with(source="wheels") as node:
        parameters.declare(node, Example, "example.")
        with pytest.raises(ValueError, match=r"^parameter source = 'wheels' must be one of tf, topic$"):
            parameters.read(node, Example, "example.")


@pytest.mark.usefixtures("ros")
def test_a_bad_value_while_running_is_refused_and_the_old_one_stays() -> None:
    with node_with() as node:
        parameters.declare(node, Example, "example.")
        (result,) = node.set_parameters([Parameter("example.radius", value=1000.0)])
        assert not result.successful
        (result,) = node.set_parameters([Parameter("example.open_ended", value=10**12)])
        assert result.successful
        assert parameters.read(node, Example, "example.") == Example(open_ended=10**12)


@pytest.mark.usefixtures("ros")
def test_names_that_are_no_parameters_are_told_with_the_nearest_one() -> None:
    with node_with(raduis=2.0) as node:
        parameters.declare(node, Example, "example.")
        assert parameters.unknown(node) == ["example.raduis is no parameter of this node: is it example.radius?"]


@pytest.mark.usefixtures("ros")
def test_a_guard_refuses_what_would_have_no_effect_and_what_is_no_choice() -> None:
    with node_with() as node:
        parameters.declare(node, Example, "example.")
        guard = parameters.Guard(node, [("example.", Example)], ["example.name"])

        def set_to(name: str, value: Any) -> str:
            (result,) = node.set_parameters([Parameter(f"example.{name}", value=value)])
            return "" if result.successful else str(result.reason)

        assert set_to("source", "wheels") == "example.source = 'wheels' must be one of tf, topic"
        assert not set_to("source", "topic")
        guard.configured = True
        assert "is read when the node is configured" in set_to("radius", 3.0)
        assert not set_to("name", "b")
        assert parameters.read(node, Example, "example.") == Example(source="topic", name="b")
