"""`isometry models`: what the shipped model files are, and whether they still are what their cards say."""

from __future__ import annotations

from collections.abc import Callable
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
    """One line for each shipped model: name, task, bytes. `isometry models show` has the whole card."""
    from isometry.inference import read_card, shipped_models

    with clear_errors():
        for path in shipped_models().values():
            card = read_card(path)
            typer.echo(f"{path.stem:34}{card['task']:24}{card['bytes']:>10,}")


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
        contract = CONTRACTS[task](opened)
        errors = symmetry_errors(session_function(opened.session), contract)
        print_json(data=opened.card | {f"{name}_now": error for name, error in errors.items()})
        check_symmetry(errors, contract, path)


def _place_recognition(model: Model) -> Contract:
    from isometry.place_recognition.contract import contract_of

    return contract_of(model)


def _registration_features(model: Model) -> Contract:
    from isometry.registration.features.contract import contract_of

    return contract_of(model)


def _motion_prediction(model: Model) -> Contract:
    from isometry.tracking.prediction.contract import contract_of

    return contract_of(model)


def _flow_memory(model: Model) -> Contract:
    from isometry.tracking.memory.contract import contract_of

    return contract_of(model)


def _moving_digits(model: Model) -> Contract:
    with needs_training_extra("measuring moving digits"):  # scikit-learn has the digits
        from isometry.evaluation.moving_digits.contract import contract_of

        return contract_of(model)


# of each task, the contract of its files; imported when it is asked for
CONTRACTS: dict[str, Callable[[Model], Contract]] = {
    "place_recognition": _place_recognition,
    "registration_features": _registration_features,
    "motion_prediction": _motion_prediction,
    "flow_memory": _flow_memory,
    "moving_digits": _moving_digits,
}
