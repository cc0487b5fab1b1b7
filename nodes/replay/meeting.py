"""Meeting the node under test: it must know our publishers, and we its parameters."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Collection
from typing import Any

from rcl_interfaces.srv import ListParameters
from rclpy.client import Client
from rclpy.node import Node

START_TIMEOUT_S = 60.0
ROS_PARAMETERS = ("use_sim_time", "qos_overrides.", "start_type_description_service")
"""Names, or beginnings of names, of parameters that every node may be given."""


def refuse_unknown_parameters(node: Node, name: str, given: Collection[str]) -> None:
    """Ask the node `name` which parameters it has. Raises ValueError for a given one that it lacks.

    `node` asks, and another thread spins it. Discovery keeps its order: a node that has answered knows every publisher
    of ours that is older than the question.
    """
    known = _parameter_names(node, name)
    for each in given:
        if each not in known and not each.startswith(ROS_PARAMETERS):
            nearest = difflib.get_close_matches(each, known, 1, 0.0)
            raise ValueError(f"{name} has no parameter {each!r}; the nearest is {nearest[0]!r}")


def _parameter_names(node: Node, name: str) -> list[str]:
    client: Client = node.create_client(ListParameters, f"{name}/list_parameters")
    answered = threading.Event()
    futures: list[Any] = []
    if client.wait_for_service(START_TIMEOUT_S):
        futures.append(client.call_async(ListParameters.Request()))
        futures[0].add_done_callback(lambda _: answered.set())
    if not answered.wait(START_TIMEOUT_S):
        raise ValueError("the node does not answer a request for its parameters")
    return list(futures[0].result().result.names)
