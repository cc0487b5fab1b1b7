"""The output of figures: as JSON in a file, and on the screen."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[Path | None, typer.Option("--json", dir_okay=False, help="File for the figures.")]
Report = Annotated[Path | None, typer.Option(dir_okay=False, help="File for an HTML page of the figures.")]


def publish(result: dict[str, Any], json_file: Path | None, unprinted: Collection[str] = ()) -> None:
    """Write all figures to `json_file`, if given, and print all but the `unprinted` ones."""
    from rich import print_json

    from isometry.evaluation.common.provenance import write_json

    if json_file is not None:
        write_json(json_file, result)
    print_json(data={key: value for key, value in result.items() if key not in unprinted})
