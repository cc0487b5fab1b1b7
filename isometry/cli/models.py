"""`isometry models`: what the shipped model files are, as their cards say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from isometry.cli.common.progress import clear_errors

app = typer.Typer(help="The model files and their cards.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """One line for each shipped model."""
    from rich.console import Console
    from rich.table import Column, Table

    from isometry.inference import WEIGHTS, read_card

    table = Table(Column("model", no_wrap=True), "task", "bytes", "symmetry group", "licence")
    with clear_errors():
        for path in sorted(WEIGHTS.rglob("*.onnx")):
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

    from isometry.inference import WEIGHTS, read_card

    with clear_errors():
        path = model if model.suffix == ".onnx" else WEIGHTS / f"{model}.onnx"
        task = read_card(path).get("task")
        if task not in SYMMETRY_CHECKS:
            raise ValueError(f"{path}: no model for a task of this version ({task!r})")
        print_json(data=SYMMETRY_CHECKS[task](path))


def _place_recognition(path: Path) -> dict[str, Any]:
    from isometry.inference.symmetry import encoder_turn_error
    from isometry.place_recognition.encoder import BirdsEyeEncoder

    encoder = BirdsEyeEncoder.load(path)
    return encoder.model.card | {"turn_by_90_degrees_now": encoder_turn_error(encoder.model.session)}


def _registration_features(path: Path) -> dict[str, Any]:
    from isometry.inference import Model
    from isometry.inference.symmetry import points_turn_error
    from isometry.registration.features.encoder import TASK
    from isometry.registration.features.pyramid import example_pyramid

    model = Model(path, TASK)
    return model.card | {"turn_in_so3_now": points_turn_error(model.session, example_pyramid().inputs())}


# of each task: open a file for it, and its card with the symmetry measured now
SYMMETRY_CHECKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "place_recognition": _place_recognition,
    "registration_features": _registration_features,
}
