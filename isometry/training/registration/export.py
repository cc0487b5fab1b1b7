"""Export of a feature network of registration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from isometry.inference.contract import Arrays
from isometry.models.point_pyramid import PointPyramid
from isometry.registration.features.contract import ROWS, features_contract
from isometry.registration.features.pyramid import NEIGHBOURS, SPACINGS
from isometry.training.common.export import export


def export_registration_network(network: nn.Module, name: str, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the .onnx of the network of that name ("equivariant" or "invariant") and its card; see `export`."""
    contract = features_contract(with_frames=name == "equivariant")
    return export(
        network,
        contract,
        output,
        card,
        dynamic_shapes=dynamic_shapes(contract.example(0)),
        preprocessing={"spacings": list(SPACINGS), "neighbours": NEIGHBOURS},
        metadata={"network": name},
        packed=as_pyramid,
    )


def as_pyramid(values: Mapping[str, Any]) -> dict[str, Any]:
    """The argument of the networks' `forward` out of a value for each input.

    It is a plain tuple, because torch.export confuses fields of which the name of one begins that of another.
    """
    return {"pyramid": tuple(PointPyramid(**values))}


def dynamic_shapes(inputs: Arrays) -> dict[str, Any]:
    """For the exporter: any number of points at each level, any number of neighbours of each kind."""
    rows = {axis: torch.export.Dim(axis) for axis in dict.fromkeys(ROWS.values())}
    shapes: dict[str, Any] = {"sided": None}
    for name, axis in ROWS.items():
        shapes[name] = {0: rows[axis]}
        if inputs[name].dtype == np.int64 and inputs[name].ndim == 2:
            shapes[name][1] = torch.export.Dim(f"{name}_neighbours")
    return {name: shapes[name] for name in inputs}
