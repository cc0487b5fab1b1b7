"""`isometry export depth`, and `depth-file`: another's depth network in ONNX as a file that this package reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


def depth(
    trained: Annotated[Path, typer.Argument(help="depth.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
    own_normals: Annotated[
        bool, typer.Option("--own-normals", help="The network's normals were measured to beat those of its depth.")
    ] = False,
    sigma_factor: Annotated[
        float, typer.Option(min=0.0, help="Of the standard deviation that the network says.")
    ] = 1.0,
    sigma_floor: Annotated[float, typer.Option(min=0.0, help="Relative standard deviation beside it.")] = 0.0,
) -> None:
    """Write the .onnx and its card; refuses a file that differs from the network or does not move with its image."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.depth.export import export_depth_network
        from isometry.training.depth.train import load_trained

        network, recipe = load_trained(trained)
        card = read_notes(notes) | {"recipe": recipe}
        report(output, export_depth_network(network, output, card, own_normals, (sigma_factor, sigma_floor)))


def depth_file(
    network: Annotated[Path, typer.Argument(help="A depth network in ONNX, such as an exported Depth Anything.")],
    output: Output,
    form: Annotated[Path, typer.Option("--format", help="JSON: the fields of DepthModelFormat that are not defaults.")],
    notes: Notes,
) -> None:
    """Write a copy of a depth network with what it takes and gives, and its card, and run it once.

    The format says in which unit its depth is, for which focal length, how images are resized, and their mean and
    deviation (see `isometry/depth_egomotion/depth_contract.py`).
    """
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.depth.export import adopt
        import numpy as np

        from isometry.depth_egomotion.depth_contract import checked
        from isometry.depth_egomotion.depth_model import DepthModel
        from isometry.sensing.cameras import Camera

        fields = read_notes(form)
        try:
            known = checked(fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{form}: {error}") from error
        report(output, adopt(network, known, output, read_notes(notes)))
        camera = Camera(np.array([[525.0, 0.0, 319.5], [0.0, 525.0, 239.5], [0.0, 0.0, 1.0]]), 640, 480)
        grey = np.full((*camera.shape, 3), 128, np.uint8)
        median = np.median(DepthModel.load(output).predict(grey, camera).depth)
        typer.echo(f"  median depth of a grey image of 640x480 pixels: {median:.3g} m")
