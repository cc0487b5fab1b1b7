"""`isometry export moving-digits`: one step of a recurrent network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


def moving_digits(
    trained: Annotated[Path, typer.Argument(help="moving_digits_MOTION_NETWORK.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write one step of a network as .onnx, state in and state out, and its card; refuses a file that is not exact."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.moving_digits.export import export_moving_digits
            from isometry.training.moving_digits.train import load_trained

        network, name, motion, recipe = load_trained(trained)
        card = read_notes(notes) | {"recipe": recipe}
        report(output, export_moving_digits(network, name, motion, output, card))
