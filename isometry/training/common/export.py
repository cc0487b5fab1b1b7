"""Export of trained networks to ONNX: a file whose symmetry is measured, and its card."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from isometry.inference import card_path
from isometry.inference.contract import (
    Arrays,
    Contract,
    Function,
    check_symmetry,
    largest_difference,
    session_function,
    symmetry_errors,
)

Packed = Callable[[Mapping[str, Any]], dict[str, Any]]

OPSET = 18
SEEDS = (0, 1, 2)  # of the examples on which file and network are compared


class Traced(NamedTuple):
    """What is written as ONNX: one call of a network."""

    network: nn.Module  # of the same outputs as the network, maybe in another form
    inputs: Arrays  # an example
    outputs: Sequence[str]  # names, in order


def export(
    network: nn.Module,
    contract: Contract,
    output: Path,
    card: Mapping[str, Any],
    dynamic_shapes: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    traced: Traced | None = None,
    packed: Packed = dict,
    described: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write `output` (.onnx) and its card (.json) and return the card.

    `card` has what only the maker knows: training data, licence, metrics. `dynamic_shapes` are torch.export's, by
    input; `preprocessing` the constants that a user of the file needs, which go into the file and onto the card;
    `metadata` further entries of the file, `described` further ones of the card. `traced` says what is written, where
    that is not the network itself with the inputs and outputs of the contract. `packed` makes the arguments of
    `forward`, by name, out of one value for each input.

    Raises ValueError, and writes nothing, when the file differs from the network or breaks an exact symmetry by more
    than the contract allows.
    """
    traced = traced or Traced(network, contract.example(0), list(contract.outputs))
    model = to_onnx(traced.network, as_tensors(traced.inputs), traced.outputs, dynamic_shapes, output, packed)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    file = session_function(session)
    difference = difference_to_torch(file, torch_function(network, traced.outputs, packed), contract)
    if not difference <= contract.tolerance:
        raise ValueError(f"{output}: difference_to_torch is {difference:.1e}, more than {contract.tolerance:g}")
    errors = symmetry_errors(file, contract)
    check_symmetry(errors, contract, output)
    properties = {
        "task": contract.task,
        "symmetry_group": contract.group,
        "equivariance_error": f"{max(errors.values()):.3e}",
        "preprocessing": json.dumps(preprocessing),
        "licence": str(card.get("licence", "")),
        **(metadata or {}),
    }
    content = {
        "inputs": {name: port.description for name, port in contract.inputs.items()},
        "outputs": {name: port.description for name, port in contract.outputs.items()},
        "frame": contract.frame,
        "preprocessing": dict(preprocessing),
        "symmetry": {"group": contract.group, "difference_to_torch": difference, **errors},
        **(described or {}),
        **card,
    }
    return write_model(model, properties, content, output)


def to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    dynamic_shapes: Mapping[str, Any],
    output: Path,
    packed: Packed = dict,
) -> onnx.ModelProto:
    """The graph of a network in standard operators, traced with `inputs` by name, beside `output` for a moment.

    The source paths that the exporter puts into every node are taken out.
    """
    temporary = output.with_suffix(".tmp.onnx")
    torch.onnx.export(
        network.eval(),
        (),
        str(temporary),
        kwargs=packed(inputs),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=packed(dynamic_shapes),
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


def write_model(
    model: onnx.ModelProto, properties: Mapping[str, str], content: Mapping[str, Any], output: Path
) -> dict[str, Any]:
    """Write a model with its properties (its task among them) to `output` (.onnx) and its card beside it."""
    onnx.helper.set_model_props(model, dict(properties))
    temporary = output.with_suffix(".tmp.onnx")
    onnx.save(model, temporary)
    os.replace(temporary, output)
    card = {
        "name": output.stem,
        "task": properties["task"],
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "bytes": output.stat().st_size,
        **content,
    }
    temporary_card = card_path(output).with_suffix(".tmp")
    temporary_card.write_text(json.dumps(card, indent=2) + "\n")
    os.replace(temporary_card, card_path(output))
    return card


def torch_function(network: nn.Module, outputs: Sequence[str], packed: Packed = dict) -> Function:
    """A network as a function of arrays by name; its outputs get these names."""

    def function(inputs: Arrays) -> Arrays:
        with torch.no_grad():
            found = network(**packed(as_tensors(inputs)))
        found = found if isinstance(found, tuple) else (found,)
        return {name: each.numpy() for name, each in zip(outputs, found, strict=True)}

    network.eval()
    return function


def as_tensors(arrays: Arrays) -> dict[str, Tensor]:
    """Arrays by name as tensors."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def difference_to_torch(file: Function, network: Function, contract: Contract) -> float:
    """Largest absolute difference of any output between a file and the network that it was made of, on examples."""
    differences = []
    for seed in SEEDS:
        inputs = contract.example(seed)
        found, expected = contract.unroll(file)(inputs), contract.unroll(network)(inputs)
        differences += [largest_difference(found[name], expected[name]) for name in expected]
    return max(differences)
