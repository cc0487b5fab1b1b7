"""`isometry export place-recognition`: the bird's-eye encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


def place_recognition(
    trained: Annotated[Path, typer.Argument(help="place_recognition.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write the .onnx and its card; refuses a file that differs from the network or breaks its symmetry."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.place_recognition.export import export_birds_eye_encoder
        from isometry.training.place_recognition.trained import load_trained

        network, grid, distance_map, recipe = load_trained(trained)
        card = read_notes(notes) | {"recipe": recipe}
        report(output, export_birds_eye_encoder(network, grid, distance_map, output, card))
