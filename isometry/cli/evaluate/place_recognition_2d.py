"""`isometry evaluate place-recognition-2d`: the revisits of a planar laser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors
from isometry.cli.common.results import Json, publish
from isometry.cli.evaluate.options import Model


def place_recognition_2d(
    carmen: Annotated[Path, typer.Option(help="CARMEN log of a planar laser, plain or .bz2.")],
    relations: Annotated[Path, typer.Option(help="Checked relations: two times, x, y, z, roll, pitch, yaw a line.")],
    scale: Annotated[float, typer.Option(min=0.1, help="Lengths are multiplied by this: rooms become streets.")] = 3.0,
    submap: Annotated[float, typer.Option(min=0.0, help="Join the scans of so many metres of travel.")] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Use only every K-th query.")] = 1,
    model: Model = None,
    json_file: Json = None,
) -> None:
    """Recall at the revisits of a planar laser, of retrieval and after verification."""
    from rich.progress import track

    from isometry.datasets.carmen import read_log, read_relations
    from isometry.evaluation.common.provenance import provenance
    from isometry.evaluation.place_recognition import laser2d
    from isometry.place_recognition.baseline import load_encoder

    with clear_errors():
        log = read_log(carmen)
        checked = read_relations(relations, log)
        encoder = load_encoder(model)
        clouds = laser2d.LaserClouds(log, scale, submap)
        result = laser2d.evaluate(clouds, checked, encoder, every, lambda rows: track(rows, "scans"))
        data = f"{carmen.name} {relations.name} scale {scale:g} submap {submap:g} every {every}"
        publish(provenance(data, encoder.name, encoder.sha256) | result, json_file)
