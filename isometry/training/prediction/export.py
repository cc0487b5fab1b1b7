"""Export of the network of motion prediction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from isometry.models.equivariant_motion import EquivariantMotion
from isometry.tracking.prediction.contract import motion_contract
from isometry.tracking.prediction.predictor import CLASSES, FIT, HISTORY
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS
from isometry.training.common.export import export


def export_motion_network(network: EquivariantMotion, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the .onnx, for any number of agents, and its card; see `export`."""
    contract = motion_contract()
    agents = torch.export.Dim("agents", min=1, max=100_000)
    return export(
        network,
        contract,
        output,
        card,
        dynamic_shapes={name: {0: agents} for name in contract.inputs},
        preprocessing={
            "history": HISTORY,
            "step_s": PATH_STEP_S,
            "steps": PATH_STEPS,
            "kinds": list(CLASSES),
            "fit": FIT,
        },
    )
