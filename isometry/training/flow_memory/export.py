"""Export of a flow memory: one step of it as an ONNX file with the state as input and output, and its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from isometry.models.flow_memory import FlowFilter
from isometry.tracking.memory.flow_cells import FlowGrid, network_inputs, occupied_cells
from isometry.tracking.memory.flow_memory import TASK
from isometry.training.common.export import refuse, to_onnx, write_model

MOST_ERROR = 1e-4
ACTIONS = {  # by what (2,2) all velocities are turned, and by how many cells a step (2,) they are faster
    "turn_by_90_degrees": (np.array([[0, -1], [1, 0]]), np.array([0, 0])),
    "mirrored": (np.array([[1, 0], [0, -1]]), np.array([0, 0])),
    "faster_by_a_cell": (np.eye(2, dtype=np.int64), np.array([1, 0])),
}
GROUP = "whole-cell velocities and shifts, and turns by 90 degrees with mirroring (D4)"


def export_flow_memory(network: FlowFilter, grid: FlowGrid, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write `output` (.onnx) and its card (.json) and return the card.

    `card` gives what only the maker knows: training data, licence, metrics. Raises ValueError when the written file
    differs from the network, or breaks one of its symmetries, by more than 1e-4.
    """
    inputs = example_inputs(grid, network.channels)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    with torch.no_grad():
        expected = [value.numpy() for value in network.eval()(**tensors)]
    cells, cells_before = torch.export.Dim("cells"), torch.export.Dim("cells_before")
    shapes = {name: {0: cells_before if name == "before" else cells} for name in inputs} | {"state": {1: cells_before}}
    model = to_onnx(network, tensors, ("next_state", "probability"), shapes, output)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, inputs)
    measured = {
        "difference_to_torch": max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True)),
        **{name: moved_error(session, network.channels, grid, *action) for name, action in ACTIONS.items()},
    }
    refuse(measured, MOST_ERROR, output)
    constants = asdict(grid) | {"channels": network.channels}
    metadata = {
        "task": TASK,
        "symmetry_group": GROUP,
        "equivariance_error": f"{max(list(measured.values())[1:]):.3e}",
        "preprocessing": json.dumps(constants),
        "licence": str(card.get("licence", "")),
    }
    flows, channels = len(grid.flows()), network.channels
    described = {
        "inputs": {
            "state": f"float32 ({channels}, cells_before, {flows}); of the last step, 0: nothing is known",
            "source": f"int32 (cells, {flows}); row of the cell that each flow comes from, cells_before: none",
            "before": "float32 (cells_before, 2); centroid of a cell's points from its middle, in cells",
            "now": "float32 (cells, 2); the same of the cells that are occupied now",
            "beside": "int32 (cells, 4); rows of the cells that adjoin each, cells: none",
            "features": "float32 (cells, 4); ln(points) / 4, occupied share of 5 x 5, trace and determinant of scatter",
        },
        "outputs": {
            "next_state": f"float32 ({channels}, cells, {flows})",
            "probability": f"float32 (cells, {flows + 1}); of each flow, and last of none of them or not known",
        },
        "frame": "the odometry's axes: flows in whole cells a step along x and y",
        "preprocessing": constants,
        "symmetry": {"group": GROUP, **measured},
        **card,
    }
    return write_model(model, metadata, described, output)


def example_inputs(
    grid: FlowGrid, channels: int, count: int = 300, seed: int = 0, slower: float = 0.0
) -> dict[str, NDArray[Any]]:
    """Inputs of a step between two random clouds, in which only what is so much `slower` than the fastest is known."""
    random = np.random.default_rng(seed)
    clouds = [random.uniform(-20.0, 20.0, (count, 2)) * grid.cell for _ in range(2)]
    before, now = (occupied_cells(cloud, np.zeros(2), grid) for cloud in clouds)
    flows = grid.flows()
    state = random.uniform(0.0, 1.0 / len(flows), (channels, len(before), len(flows))).astype(np.float32)
    inputs = {"state": state, **network_inputs(now, before, flows)}
    too_fast = (flows**2).sum(axis=1) > (grid.fastest - slower) ** 2
    inputs["state"][..., too_fast] = 0.0
    inputs["source"][:, too_fast] = len(before)
    return inputs


def moved_error(
    session: onnxruntime.InferenceSession,
    channels: int,
    grid: FlowGrid,
    turn: NDArray[np.int64],
    faster: NDArray[np.int64],
) -> float:
    """Largest difference of turning a scene (2,2) and making it `faster` (2,) by whole cells before and after a step.

    What is known in it is two cells a step slower than the fastest flow, so that all of it stays among the flows.
    """
    inputs = example_inputs(grid, channels, slower=2.0)
    flows = grid.flows()
    column = {tuple(flow): k for k, flow in enumerate(flows.tolist())}
    to = np.array([column.get(tuple(flow), -1) for flow in (flows @ turn.T + faster).tolist()])
    after, before = to[to >= 0], np.flatnonzero(to >= 0)
    acted = {name: value.copy() for name, value in inputs.items()}
    acted["state"][...], acted["source"][...] = 0.0, len(inputs["before"])
    for name in ("state", "source"):
        acted[name][..., after] = inputs[name][..., before]
    for name in ("before", "now"):
        acted[name] = inputs[name] @ turn.T.astype(np.float32)
    state, probability = session.run(None, inputs)
    acted_state, acted_probability = session.run(None, acted)
    none = [[len(flows)]]
    pairs = (
        (acted_state[..., after], state[..., before]),
        (acted_probability[:, np.append(after, none)], probability[:, np.append(before, none)]),
    )
    return max(float(np.abs(found - expected).max()) for found, expected in pairs)
