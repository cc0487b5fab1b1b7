"""Export of the bird's-eye encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isometry.arrays import Array
from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.models.layers.so2.cyclic_convolution import plain
from isometry.place_recognition.contract import encoder_contract
from isometry.sensing.birds_eye import BirdsEyeGrid
from isometry.training.common.export import Traced, export


def export_birds_eye_encoder(
    network: BirdsEyeEncoder,
    grid: BirdsEyeGrid,
    distance_map: Array,
    output: Path,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the .onnx, its convolutions as ordinary ones, and its card; see `export`.

    `distance_map` (2,K): descriptor distances and the metres that they usually mean.
    """
    contract = encoder_contract(grid, network.projection.shape[1])
    return export(
        network,
        contract,
        output,
        card,
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        preprocessing=asdict(grid),
        metadata={"distance_map": json.dumps(np.round(distance_map, 4).tolist())},
        traced=Traced(plain(network), contract.example(0), list(contract.outputs)),
    )
