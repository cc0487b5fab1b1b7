"""`isometry models`: what the shipped model files are, and whether they still are what their cards say."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.common.providers import Provider, ProviderOptions
from isometry.cli.common.results import Json

if TYPE_CHECKING:
    from isometry.inference import Model, ProviderParameters
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

    from isometry.inference import Model
    from isometry.inference.contract import check_symmetry, session_function, symmetry_errors

    with clear_errors():
        path, task = _file_and_task(model)
        opened = Model(path, task)
        contract = _contract(opened, task)
        errors = symmetry_errors(session_function(opened.session), contract)
        print_json(data=opened.card | {f"{name}_now": error for name, error in errors.items()})
        check_symmetry(errors, contract, path)


@app.command("check")
def check(
    model: Annotated[
        Path | None, typer.Argument(help="A model file, or the name of a shipped one; all of them without.")
    ] = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the CPU.")] = 1,
    json_file: Json = None,
) -> None:
    """Measure model files on an execution provider: symmetry, difference to the CPU's outputs, and time.

    Exits with 1, naming each file, where a symmetry is worse than the card says, where the outputs differ from the
    CPU's, or where another provider runs the file.
    """
    from isometry.evaluation.common.provenance import environment, write_json
    from isometry.inference import ProviderParameters, shipped_models

    with clear_errors():
        asked = ProviderParameters(provider, provider_options)
        files = [_file_and_task(each) for each in ([model] if model else shipped_models().values())]
        typer.echo(f"{'':32}{'ms':>9}{'ms, CPU':>9}{'difference':>12}{'symmetry':>10}{'on the card':>13}  operators")
        figures, wrong = {}, []
        for path, task in files:
            figures[path.stem] = row = _checked(path, task, threads, asked)
            wrong += [f"{path}: {', and '.join(row['faults'])}"] if row["faults"] else []
        if json_file is not None:
            measured_on = {"provider": provider, "provider_options": provider_options, "threads": threads}
            write_json(json_file, environment() | measured_on | {"files": figures})
        if wrong:
            raise ValueError("; ".join(wrong))


def _checked(path: Path, task: str, threads: int, provider: ProviderParameters) -> dict[str, Any]:
    """The figures of one file, of which a line is printed."""
    from dataclasses import asdict

    from isometry.inference import Model
    from isometry.inference.check import check_file, faults

    opened = Model(path, task, threads, provider)
    contract = _contract(opened, task)
    measured = check_file(opened, contract, threads, provider)
    told = {name: opened.card["symmetry"][name] for name in measured.symmetry}
    operators = ", ".join(f"{name} {count}" for name, count in measured.operators.items())
    errors = f"{measured.difference_to_cpu:12.1e}{max(measured.symmetry.values()):10.1e}{max(told.values()):13.1e}"
    typer.echo(f"{opened.name:32}{measured.milliseconds:9.2f}{measured.milliseconds_on_cpu:9.2f}{errors}  {operators}")
    in_use = {"provider": opened.provider, "options": opened.session.get_provider_options()[opened.provider]}
    return {
        "sha256": opened.sha256,
        **in_use,
        **asdict(measured),
        "symmetry_on_card": told,
        "faults": faults(measured, opened, contract),
    }


def _file_and_task(model: Path) -> tuple[Path, str]:
    """The file of a shipped model by its name, or any other, and its task. Raises ValueError for an unknown one."""
    from isometry.inference import read_card, shipped_models

    shipped = shipped_models()
    if model.suffix != ".onnx" and str(model) not in shipped:
        raise ValueError(f"no shipped model {str(model)!r}, only {', '.join(shipped)}")
    path = shipped.get(str(model), model)
    task = read_card(path).get("task")
    if task not in CONTRACTS:
        raise ValueError(f"{path}: no model for a task of this version ({task!r})")
    return path, str(task)


# of each task, the module that has the contract of its files; imported when it is needed
CONTRACTS = {
    "place_recognition": "isometry.place_recognition.contract",
    "registration_features": "isometry.registration.features.contract",
    "motion_prediction": "isometry.tracking.prediction.contract",
    "flow_memory": "isometry.tracking.memory.contract",
    "depth": "isometry.depth_egomotion.depth_contract",
    "moving_digits": "isometry.evaluation.moving_digits.contract",
}


def _contract(model: Model, task: str) -> Contract:
    with needs_training_extra("measuring moving digits"):  # scikit-learn has the digits
        contract: Contract = import_module(CONTRACTS[task]).contract_of(model)
    return contract
