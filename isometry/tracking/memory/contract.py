"""The contract of a step of the flow-equivariant memory (models/flow_memory.py)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import AnyArray, Index, Integers
from isometry.inference import Model
from isometry.inference.contract import Arrays, Contract, Port, Representation, Symmetry
from isometry.inference.representations import vectors
from isometry.tracking.memory.flow_cells import FlowGrid, network_inputs, occupied_cells
from isometry.tracking.memory.flow_memory import TASK, FlowMemory

CELLS = 300  # points of an example, each in a cell of its own or nearly so
HALF_WIDTH = 20.0  # cells, of the square that they are spread over
STREET = 1850  # points of a street scan's example, in about 1,700 cells
MARGIN = 2.0  # cells a step that an example is slower than the fastest flow, so that it stays among the flows


class FlowChange(NamedTuple):
    """A transformation of all velocities."""

    turn: Integers  # (2,2) rotation or reflection
    faster: Integers  # (2,) cells a step, added after it


CHANGES = {
    "turn_by_90_degrees": FlowChange(np.array([[0, -1], [1, 0]]), np.array([0, 0])),
    "mirrored": FlowChange(np.array([[1, 0], [0, -1]]), np.array([0, 0])),
    "faster_by_a_cell": FlowChange(np.eye(2, dtype=np.int64), np.array([1, 0])),
}


def flow_contract(grid: FlowGrid, channels: int) -> Contract:
    """The contract of a memory with `channels` channels. Errors are differences of probabilities."""
    flows = grid.flows()
    count = len(flows)
    turned: Representation = lambda array, change: vectors(array, change.turn)  # noqa: E731
    cells_before = len(example_inputs(grid, channels, 0)["before"])
    return Contract(
        task=TASK,
        group="whole-cell velocities and shifts, and turns by 90 degrees with mirroring (D4)",
        frame="the odometry's axes: flows in whole cells a step along x and y",
        inputs={
            "state": Port(
                f"float32 ({channels}, cells_before, {count}); of the last step, 0: nothing is known",
                _permuted(flows, 0.0),
            ),
            "source": Port(
                f"int32 (cells, {count}); row of the cell that each flow comes from, cells_before: none",
                _permuted(flows, cells_before),
            ),
            "before": Port("float32 (cells_before, 2); centroid of a cell's points from its middle, in cells", turned),
            "now": Port("float32 (cells, 2); the same of the cells that are occupied now", turned),
            "beside": Port("int32 (cells, 4); rows of the cells that adjoin each, cells: none"),
            "features": Port(
                "float32 (cells, 4); ln(points) / 4, occupied share of 5 x 5, trace and determinant of scatter"
            ),
        },
        outputs={
            "next_state": Port(f"float32 ({channels}, cells, {count})", _permuted(flows, np.nan), scale=1.0),
            "probability": Port(
                f"float32 (cells, {count + 1}); of each flow, and last of none of them or not known",
                _permuted(flows, np.nan),
                scale=1.0,
            ),
        },
        symmetries={name: Symmetry([change]) for name, change in CHANGES.items()},
        example=lambda seed: example_inputs(grid, channels, seed),
        usual=lambda: example_inputs(grid, channels, 0, STREET),
    )


def contract_of(model: Model) -> Contract:
    """The contract of a model file."""
    memory = FlowMemory(model)
    return flow_contract(memory.grid, memory.channels)


def example_inputs(grid: FlowGrid, channels: int, seed: int, points: int = CELLS) -> Arrays:
    """Inputs of a step between two random clouds, equally dense; nothing is known of the fastest flows."""
    random = np.random.default_rng(seed)
    half_width = HALF_WIDTH * np.sqrt(points / CELLS)
    clouds = [random.uniform(-half_width, half_width, (points, 2)) * grid.cell for _ in range(2)]
    before, now = (occupied_cells(cloud, np.zeros(2), grid) for cloud in clouds)
    flows = grid.flows()
    state = random.uniform(0.0, 1.0 / len(flows), (channels, len(before), len(flows))).astype(np.float32)
    inputs = {"state": state, **network_inputs(now, before, flows)}
    too_fast = (flows**2).sum(axis=1) > (grid.fastest - MARGIN) ** 2
    inputs["state"][..., too_fast] = 0.0
    inputs["source"][:, too_fast] = len(before)
    return inputs


def _permuted(flows: NDArray[np.integer], unknown: float) -> Representation:
    """Permutes the flows of an array (...,V); a further last entry stays in place.

    A flow that the change brings from outside the V flows gets `unknown`.
    """
    column = {tuple(flow): k for k, flow in enumerate(flows.tolist())}

    def permuted(array: AnyArray, change: FlowChange) -> AnyArray:
        to: Index = np.array(
            [column.get(tuple(flow), -1) for flow in (flows @ change.turn.T + change.faster).tolist()], np.intp
        )
        moved = np.full_like(array, unknown)
        moved[..., to[to >= 0]] = array[..., : len(flows)][..., to >= 0]
        moved[..., len(flows) :] = array[..., len(flows) :]
        return moved

    return permuted
