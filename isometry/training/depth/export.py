"""Export of the depth network, and of a depth network that another made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import onnx
import torch

from isometry.depth_egomotion.depth_contract import TASK, DepthModelFormat, depth_contract
from isometry.models.depth_network import MULTIPLE, DepthNetwork
from isometry.training.common.export import export, write_model
from isometry.training.depth.augmentation import FORMAT

MOST_SIDE = 2048 // MULTIPLE  # multiples that a side may have
SIGMA_OF_SCALE = 2.0**0.5  # the standard deviation of Laplace's distribution of scale 1


def export_depth_network(
    network: DepthNetwork, output: Path, card: Mapping[str, Any], own_normals: bool, sigma: tuple[float, float]
) -> dict[str, Any]:
    """Write the .onnx, for images of any size in multiples of 64, and its card; see `export`.

    `own_normals`: whether the network's normals are better than those of its depth, on frames that are held back;
    `sigma`: the factor and the floor of the standard deviation of ln(depth), the factor over that of Laplace's scale.
    """
    factor, floor = sigma
    form = replace(FORMAT, own_normals=own_normals, sigma_factor=SIGMA_OF_SCALE * factor, sigma_floor=floor)
    sides = {2 + k: MULTIPLE * torch.export.Dim(name, min=1, max=MOST_SIDE) for k, name in enumerate(("tall", "wide"))}
    normals = "predicted" if own_normals else "derived from the depth, as those of the network are worse"
    return export(
        network,
        depth_contract(exact=True),
        output,
        card,
        dynamic_shapes={"image": sides},
        preprocessing=asdict(form),
        described={"normals": normals},
    )


def adopt(source: Path, form: DepthModelFormat, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write another's depth network as a file of this package's contract, and its card; nothing in the network changes.

    Raises ValueError naming a file that is no network in ONNX.
    """
    try:
        model = onnx.load(source)
        onnx.checker.check_model(model)
    except Exception as error:  # of protobuf's and onnx's own unrelated types
        raise ValueError(f"{source}: not a network in ONNX") from error
    properties = {
        "task": TASK,
        "symmetry_group": "none",
        "preprocessing": json.dumps(asdict(form)),
        "licence": str(card.get("licence", "")),
    }
    symmetry = {"symmetry": {"group": "none"}, "preprocessing": asdict(form)}
    return write_model(model, properties, {**symmetry, **card}, output)
