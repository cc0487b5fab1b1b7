"""Options that every export has, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Output = Annotated[Path, typer.Option(help="The .onnx file; its card lies beside it.")]
Notes = Annotated[Path, typer.Option(help="JSON: training data, licence, metrics and what else the card says.")]


def read_notes(path: Path) -> dict[str, Any]:
    """What the maker says for the card. Raises ValueError naming a file that is missing or no table in JSON."""
    try:
        notes = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(notes, dict):
        raise ValueError(f"{path}: is no table in JSON")
    return notes


def report(output: Path, card: Mapping[str, Any]) -> None:
    """Print what was written and what was measured on it."""
    typer.echo(f"{output}: {card['bytes']:,} bytes, sha256 {card['sha256']}")
    for name, measured in card["symmetry"].items():
        typer.echo(f"  {name}: {measured}")
