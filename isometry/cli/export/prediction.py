"""`isometry export motion-prediction`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


def motion_prediction(
    trained: Annotated[Path, typer.Argument(help="motion_prediction.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write the .onnx of motion prediction and its card; refuses a file that breaks its symmetry."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.prediction.export import export_motion_network
        from isometry.training.prediction.train import load_trained

        network, recipe = load_trained(trained)
        card = read_notes(notes) | {"recipe": recipe}
        report(output, export_motion_network(network, output, card))
