"""Export of a flow memory: one step of it, with the state as input and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from isometry.models.flow_memory import FlowFilter
from isometry.tracking.memory.contract import flow_contract
from isometry.tracking.memory.flow_cells import FlowGrid
from isometry.training.common.export import export


def export_flow_memory(network: FlowFilter, grid: FlowGrid, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the .onnx, for any number of occupied cells, and its card; see `export`."""
    contract = flow_contract(grid, network.channels)
    cells, cells_before = torch.export.Dim("cells"), torch.export.Dim("cells_before")
    shapes: dict[str, Any] = {name: {0: cells} for name in contract.inputs}
    return export(
        network,
        contract,
        output,
        card,
        dynamic_shapes=shapes | {"before": {0: cells_before}, "state": {1: cells_before}},
        preprocessing=asdict(grid) | {"channels": network.channels},
    )
