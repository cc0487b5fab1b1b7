"""`isometry models`: what the shipped model files are, and whether they still are what their cards say."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra

if TYPE_CHECKING:
    from isometry.inference import Model
    from isometry.inference.contract import Contract

app = typer.Typer(help="The model files and their cards.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """One line for each shipped model: name, task, bytes, symmetry group, licence."""
    from isometry.inference import read_card, shipped_models

    with clear_errors():
        for path in shipped_models().values():
            card = read_card(path)
            group, licence = card["symmetry"]["group"], card["licence"]
            typer.echo(f"{path.stem:32}{card['task']:22}{card['bytes']:>10,}  {group}; {licence}")


@app.command("show")
def show(
    model: Annotated[Path, typer.Argument(help="A model file, or the name of a shipped one.")] = Path(
        "place_recognition"
    ),
) -> None:
    """The whole card, after checking that the file fits it; and the errors of its symmetry, measured now (`_now`).

    Exits with 1 where the file does not fit its card, or where an exact symmetry does not hold.
    """
    from rich import print_json

    from isometry.inference import Model, read_card, shipped_models
    from isometry.inference.contract import check_symmetry, session_function, symmetry_errors

    with clear_errors():
        shipped = shipped_models()
        if model.suffix != ".onnx" and str(model) not in shipped:
            raise ValueError(f"no shipped model {str(model)!r}, only {', '.join(shipped)}")
        path = shipped.get(str(model), model)
        task = read_card(path).get("task")
        if task not in CONTRACTS:
            raise ValueError(f"{path}: no model for a task of this version ({task!r})")
        opened = Model(path, task)
        contract = _contract(opened, task)
        errors = symmetry_errors(session_function(opened.session), contract)
        print_json(data=opened.card | {f"{name}_now": error for name, error in errors.items()})
        check_symmetry(errors, contract, path)


# of each task, the module that has the contract of its files; imported when it is needed
CONTRACTS = {
    "place_recognition": "isometry.place_recognition.contract",
    "registration_features": "isometry.registration.features.contract",
    "motion_prediction": "isometry.tracking.prediction.contract",
    "flow_memory": "isometry.tracking.memory.contract",
    "moving_digits": "isometry.evaluation.moving_digits.contract",
}


def _contract(model: Model, task: str) -> Contract:
    with needs_training_extra("measuring moving digits"):  # scikit-learn has the digits
        contract: Contract = import_module(CONTRACTS[task]).contract_of(model)
    return contract
