"""`isometry export TASK`: from a trained network to the file that robots run; needs the extra `train` (torch)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.train.moving_digits import export_step

app = typer.Typer(help="Export a trained network to ONNX, with its card.", no_args_is_help=True)
app.command("moving-digits")(export_step)

Output = Annotated[Path, typer.Option(help="The .onnx file; its card lies beside it.")]
Notes = Annotated[Path, typer.Option(help="JSON: training data, licence, metrics and what else the card says.")]


@app.command("place-recognition")
def place_recognition(
    trained: Annotated[Path, typer.Argument(help="place_recognition.pt, as `isometry train` wrote it.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write the .onnx and its card; refuses a file that differs from the network or breaks its symmetry."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.training.common.export import export_birds_eye_encoder
        from isometry.training.place_recognition.trained import load_trained

        network, grid, distance_map, recipe = load_trained(trained)
        card = json.loads(notes.read_text()) | {"recipe": recipe}
        _report(output, export_birds_eye_encoder(network, grid, distance_map, output, card))


@app.command("registration")
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
        card = json.loads(notes.read_text()) | {"recipe": recipe}
        _report(output, export_registration_network(network, name, output, card))


@app.command("motion-prediction")
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
        card = json.loads(notes.read_text()) | {"recipe": recipe}
        _report(output, export_motion_network(network, output, card))


@app.command("flow-memory")
def flow_memory(
    trained: Annotated[str, typer.Argument(help="flow_memory.pt, as `isometry train` wrote it; or `filter`.")],
    output: Output,
    notes: Notes,
) -> None:
    """Write the .onnx of a step of the bird's-eye memory and its card, learned or the filter without weights."""
    with clear_errors():
        with needs_training_extra("export"):
            from isometry.models.flow_memory import FlowFilter
            from isometry.training.flow_memory.export import export_flow_memory
        from isometry.tracking.memory.flow_cells import FlowGrid
        from isometry.training.flow_memory.train import load_trained

        card = json.loads(notes.read_text())
        if trained == "filter":
            _report(output, export_flow_memory(FlowFilter(FlowGrid().fastest), FlowGrid(), output, card))
        else:
            network, recipe = load_trained(Path(trained))
            _report(output, export_flow_memory(network, FlowGrid(), output, card | {"recipe": recipe}))


def _report(output: Path, card: Mapping[str, Any]) -> None:
    typer.echo(f"{output}: {card['bytes']:,} bytes, sha256 {card['sha256']}")
    for name, measured in card["symmetry"].items():
        typer.echo(f"  {name}: {measured}")
