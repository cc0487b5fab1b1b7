"""Export of a trained network: the ONNX file with its metadata, its symmetry measured on that very file, its card."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isometry.inference import card_path
from isometry.inference.symmetry import encoder_turn_error, example_images
from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.models.layers.so2.cyclic_convolution import plain
from isometry.sensing.birds_eye import BirdsEyeGrid

OPSET = 18
MOST_ERROR = 1e-4


def export_birds_eye_encoder(
    network: BirdsEyeEncoder,
    grid: BirdsEyeGrid,
    distance_map: NDArray[np.float64],
    output: Path,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `output` (.onnx) and its card (.json) and return the card.

    `distance_map` (2,K): descriptor distances and the metres that they usually mean. `card` gives what only the maker
    knows: training data, licence, metrics. Raises ValueError when the written file differs from the network by more
    than 1e-4, or breaks the symmetry of 90 degree turns by more than 1e-4.
    """
    image = torch.zeros(2, 1, grid.size, grid.size)
    shapes = {"image": {0: torch.export.Dim("batch")}}
    model = to_onnx(plain(network), {"image": image}, ("descriptor", "features"), shapes, output)
    images = example_images(grid.size, grid.cap)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    measured = {
        "difference_to_torch": difference_to_torch(session, network, images),
        "turn_by_90_degrees": encoder_turn_error(session, images),
    }
    refuse(measured, MOST_ERROR, output)
    metadata = {
        "task": "place_recognition",
        "symmetry_group": "C8 (yaw, steps of 45 degrees; exact at 90)",
        "equivariance_error": f"{measured['turn_by_90_degrees']:.3e}",
        "preprocessing": json.dumps(asdict(grid)),
        "distance_map": json.dumps(np.round(distance_map, 4).tolist()),
        "licence": str(card.get("licence", "")),
    }
    described = {
        "inputs": {"image": f"float32 (batch, 1, {grid.size}, {grid.size}); occupied voxels above each cell, 0 to cap"},
        "outputs": {
            "descriptor": f"float32 (batch, {network.projection.shape[1]}); unit norm; invariant to yaw",
            "features": f"float32 (batch, 8, 8, {grid.size // 4}, {grid.size // 4}); orientation, field, x, y; unit",
        },
        "frame": "level frame at the robot's base: x forward (rows), y left (columns), metres",
        "preprocessing": asdict(grid),
        "symmetry": {"group": metadata["symmetry_group"], **measured},
        **card,
    }
    return write_model(model, metadata, described, output)


def to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    dynamic_shapes: Mapping[str, Any],
    output: Path,
) -> onnx.ModelProto:
    """The graph of a network in standard operators, traced with `inputs` by name, beside `output` for a moment.

    The source paths that the exporter puts into every node are taken out.
    """
    temporary = output.with_suffix(".tmp.onnx")
    torch.onnx.export(
        network.eval(),
        (),
        str(temporary),
        kwargs=dict(inputs),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=dict(dynamic_shapes),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    model = onnx.load(temporary)
    temporary.unlink()
    for entry in model.graph.node:
        del entry.metadata_props[:]
        entry.doc_string = ""
    return model


def refuse(measured: Mapping[str, float], most: float, output: Path) -> None:
    """Raise ValueError naming the first error that was measured on a file and is too large."""
    for name, error in measured.items():
        if error > most:
            raise ValueError(f"{output}: {name} is {error:.1e}, more than {most:g}: not exported")


def write_model(
    model: onnx.ModelProto, metadata: Mapping[str, str], described: Mapping[str, Any], output: Path
) -> dict[str, Any]:
    """Write a model with its metadata (its task among them) to `output` (.onnx) and its card beside it."""
    onnx.helper.set_model_props(model, dict(metadata))
    temporary = output.with_suffix(".tmp.onnx")
    onnx.save(model, temporary)
    os.replace(temporary, output)
    card = {
        "name": output.stem,
        "task": metadata["task"],
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "bytes": output.stat().st_size,
        **described,
    }
    temporary_card = card_path(output).with_suffix(".tmp")
    temporary_card.write_text(json.dumps(card, indent=2) + "\n")
    os.replace(temporary_card, card_path(output))
    return card


def difference_to_torch(
    session: onnxruntime.InferenceSession, network: BirdsEyeEncoder, images: NDArray[np.float32]
) -> float:
    """Largest absolute difference of any output between the file and the network it was made of."""
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(images))
    found = session.run(None, {"image": images})
    return max(float(np.abs(f - e.numpy()).max()) for f, e in zip(found, expected, strict=True))
