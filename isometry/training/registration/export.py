"""Export of a trained feature network of registration: an ONNX file of standard operators, and its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn

from isometry.inference.symmetry import points_turn_error
from isometry.registration.features.encoder import TASK
from isometry.registration.features.pyramid import NEIGHBOURS, SPACINGS, example_pyramid
from isometry.training.common.export import refuse, to_onnx, write_model

ROWS = {  # the axis of each input that may have any length
    "points": "points",
    "normals": "points",
    "fine": "fine",
    "middle": "middle",
    "coarse": "coarse",
    "around_fine": "fine",
    "fine_to_fine": "fine",
    "fine_to_middle": "middle",
    "middle_to_middle": "middle",
    "middle_to_coarse": "coarse",
    "coarse_to_coarse": "coarse",
    "middle_above": "fine",
    "coarse_above": "middle",
}
OUTPUTS = {
    "descriptors": "float32 (fine, 32); unit norm; invariant",
    "coarse_descriptors": "float32 (coarse, 64); unit norm; invariant",
    "frames": "float32 (fine, 8, 3); vectors that turn with the cloud",
}
MOST_ERROR = 1e-3


def export_registration_network(network: nn.Module, name: str, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write `output` (.onnx) and its card (.json) and return the card.

    `card` gives what only the maker knows: training data, licence, metrics. Raises ValueError when the written file
    differs from the network, or its features change under turns in SO(3), by more than 1e-3 of their largest value.
    """
    inputs = example_pyramid().inputs()
    tensors = {key: torch.from_numpy(value) for key, value in inputs.items()}
    with torch.no_grad():
        expected = [output.numpy() for output in network.eval()(**tensors)]
    names = list(OUTPUTS)[: len(expected)]
    model = to_onnx(network, tensors, names, dynamic_shapes(inputs), output)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, inputs)
    measured = {
        "difference_to_torch": max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True)),
        "turn_in_so3": points_turn_error(session, inputs),
    }
    refuse(measured, MOST_ERROR, output)
    group = "SO(3)"
    metadata = {
        "task": TASK,
        "network": name,
        "symmetry_group": group,
        "equivariance_error": f"{measured['turn_in_so3']:.3e}",
        "licence": str(card.get("licence", "")),
    }
    described = {
        "inputs": {
            key: f"{value.dtype} ({', '.join(map(str, _axes(key, value.shape)))})" for key, value in inputs.items()
        },
        "outputs": {key: OUTPUTS[key] for key in names},
        "frame": "the axes of the cloud itself; positions relative to its centre, in units of its resolution",
        "preprocessing": {"spacings": list(SPACINGS), "neighbours": NEIGHBOURS},
        "symmetry": {"group": group, **measured},
        **card,
    }
    return write_model(model, metadata, described, output)


def dynamic_shapes(inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """For the exporter: any number of points at each level, any number of neighbours of each kind."""
    rows = {axis: torch.export.Dim(axis) for axis in dict.fromkeys(ROWS.values())}
    shapes: dict[str, Any] = {"sided": None}
    for name, axis in ROWS.items():
        shapes[name] = {0: rows[axis]}
        if inputs[name].dtype == np.int64 and inputs[name].ndim == 2:
            shapes[name][1] = torch.export.Dim(f"{name}_neighbours")
    return {name: shapes[name] for name in inputs}


def _axes(name: str, shape: tuple[int, ...]) -> list[str | int]:
    axes: list[str | int] = [ROWS.get(name, 1), *shape[1:]]
    return axes
