"""`isometry export TASK`: from a trained network to the file that robots run; needs the extra `train` (torch)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors

app = typer.Typer(help="Export a trained network to ONNX, with its card.", no_args_is_help=True)


@app.command("place-recognition")
def place_recognition(
    trained: Annotated[Path, typer.Argument(help="place_recognition.pt, as `isometry train` wrote it.")],
    output: Annotated[Path, typer.Option(help="The .onnx file; its card lies beside it.")],
    notes: Annotated[Path, typer.Option(help="JSON: training data, licence, metrics and what else the card says.")],
) -> None:
    """Write the .onnx and its card; refuses a file that differs from the network or breaks its symmetry."""
    with clear_errors():
        try:
            from isometry.training.export import export_birds_eye_encoder
        except ModuleNotFoundError as error:
            raise ValueError(f"export needs {error.name}: pip install 'isometry[train]'") from error
        from isometry.training.trained import load_trained

        network, grid, distance_map, recipe = load_trained(trained)
        card = json.loads(notes.read_text()) | {"recipe": recipe}
        written = export_birds_eye_encoder(network, grid, distance_map, output, card)
        typer.echo(f"{output}: {written['bytes']:,} bytes, sha256 {written['sha256']}")
        for name, measured in written["symmetry"].items():
            typer.echo(f"  {name}: {measured}")
