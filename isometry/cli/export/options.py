"""Options that every export has, and what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Output = Annotated[Path, typer.Option(help="The .onnx file; its card lies beside it.")]
Notes = Annotated[Path, typer.Option(help="JSON: training data, licence, metrics and what else the card says.")]


def report(output: Path, card: Mapping[str, Any]) -> None:
    """Print what was written and what was measured on it."""
    typer.echo(f"{output}: {card['bytes']:,} bytes, sha256 {card['sha256']}")
    for name, measured in card["symmetry"].items():
        typer.echo(f"  {name}: {measured}")
