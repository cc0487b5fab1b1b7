"""Export of a network that predicts moving digits: one step of it, with the state as input and output."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from isometry.datasets.moving_digits import SIZE, Motion
from isometry.evaluation.moving_digits.contract import step_contract
from isometry.inference.recurrent_step import STATE, RecurrentStep
from isometry.models.flow_predictor import FlowPredictor, PlainPredictor
from isometry.training.common.export import Traced, export, to_onnx
from isometry.training.moving_digits.train import Predictor


def export_moving_digits(
    network: Predictor, name: str, motion: Motion, output: Path, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the .onnx of one step of the network of that name ("flow" or "plain") and its card; see `export`."""
    inputs = step_inputs(network, motion)
    memory = inputs["memory"]
    prior = float(memory.flatten()[0])
    state = [each for each in STATE if each in inputs]
    shapes = {key: f"{str(value.dtype)[6:]} ({', '.join(map(str, value.shape))})" for key, value in inputs.items()}
    size = SIZE[motion]
    outputs = {
        "predicted": f"float32 (batch, 1, {size}, {size}): the image `ahead` steps after this one, else the next",
        **{f"new_{key}": f"the state after this image: {key} of the next step" for key in state},
    }
    return export(
        network,
        step_contract(motion, name, tuple(memory.shape[1:]), prior),
        output,
        card,
        dynamic_shapes=step_shapes(inputs),
        preprocessing={"range": [0.0, 1.0]},
        metadata={"network": name, "motion": motion, "prior": f"{prior:g}"},
        traced=Traced(network, {key: value.numpy() for key, value in inputs.items()}, list(outputs)),
        described={
            "inputs": {key: text.replace("(2, ", "(batch, ") for key, text in shapes.items()},
            "outputs": outputs,
            "state_at_start": {key: prior if key == "memory" else 0 for key in state},
        },
    )


def step_inputs(network: Predictor, motion: Motion) -> dict[str, Tensor]:
    """Inputs of one step of a batch of two, by name, before the first image."""
    size = SIZE[motion]
    ahead = {"ahead": torch.tensor(1)} if isinstance(network, FlowPredictor) else {}
    state = zip(STATE, network.start(size, size, batch=2), strict=False)
    return {"image": torch.zeros(2, 1, size, size), **ahead, **dict(state)}


def step_shapes(inputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """For the exporter: any number of sequences."""
    batch = torch.export.Dim("batch")
    return {name: {0: batch} if name in ("image", "memory") else None for name in inputs}


def untrained_plain_step(motion: Motion, hidden: int, kernel_size: int) -> RecurrentStep:
    """The step of an ordinary network of another width, to be timed on one thread."""
    network = PlainPredictor(hidden, 2, kernel_size, circular=motion == "translating")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = _in_memory(network, step_inputs(network, motion))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return RecurrentStep(session, 0.0)


def _in_memory(network: nn.Module, inputs: Mapping[str, Tensor]) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        return to_onnx(network, inputs, ("predicted", "new_memory"), step_shapes(inputs), Path(folder) / "step.onnx")
