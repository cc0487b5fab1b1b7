"""`isometry export registration`: a feature network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


def registration(
    trained: Annotated[Path, typer.Argument(help="registration_NETWORK.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write the .onnx of a feature network and its card; refuses a file that breaks its symmetry."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.registration.export import export_registration_network
        from isometry.training.registration.train import load_trained

        network, name, recipe = load_trained(trained)
        card = read_notes(notes) | {"recipe": recipe}
        report(output, export_registration_network(network, name, output, card))
