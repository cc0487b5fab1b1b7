"""`isometry export flow-memory`: one step of the bird's-eye memory, learned or without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, needs_training_extra
from isometry.cli.export.options import Notes, Output, read_notes, report


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

        if trained == "filter":
            network, recipe = FlowFilter(FlowGrid().fastest), {}
        else:
            network, trained_by = load_trained(Path(trained))
            recipe = {"recipe": trained_by}
        card = read_notes(notes) | recipe
        report(output, export_flow_memory(network, FlowGrid(), output, card))
