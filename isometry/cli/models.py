"""`isometry models`: what the shipped model files are, as their cards say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors

app = typer.Typer(help="The model files and their cards.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """One line for each shipped model."""
    from rich.console import Console
    from rich.table import Column, Table

    from isometry.inference import WEIGHTS, read_card

    table = Table(Column("model", no_wrap=True), "task", "bytes", "symmetry group", "licence")
    with clear_errors():
        for path in sorted(WEIGHTS.glob("*.onnx")):
            card = read_card(path)
            table.add_row(path.stem, card["task"], f"{card['bytes']:,}", card["symmetry"]["group"], card["licence"])
    Console().print(table)


@app.command("show")
def show(
    model: Annotated[Path, typer.Argument(help="A model file, or the name of a shipped one.")] = Path(
        "place_recognition"
    ),
) -> None:
    """The whole card, after checking that the file fits it and that its symmetry holds, measured now."""
    from rich import print_json

    from isometry.inference import WEIGHTS
    from isometry.inference.symmetry import encoder_turn_error
    from isometry.place_recognition.encoder import BirdsEyeEncoder

    with clear_errors():
        path = model if model.suffix == ".onnx" else WEIGHTS / f"{model}.onnx"
        encoder = BirdsEyeEncoder.load(path)
        print_json(data=encoder.model.card | {"turn_by_90_degrees_now": encoder_turn_error(encoder.model.session)})
