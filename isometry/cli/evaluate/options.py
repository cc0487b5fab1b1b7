"""Options of several evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Kitti = Annotated[Path, typer.Option(help="KITTI odometry directory, with sequences/NN and poses/NN.txt.")]
Sequence = Annotated[str, typer.Option(help="Which sequence: NN.")]
Model = Annotated[Path | None, typer.Option(help="Another model file, or `fourier` for the baseline.")]
WORLD_HELP = "Simulated world, such as tunnel or twin-halls; a wrong name lists all."
World = Annotated[str | None, typer.Option(help=WORLD_HELP)]
RequiredWorld = Annotated[str, typer.Option("--world", help=WORLD_HELP)]
WorldSeed = Annotated[int, typer.Option(min=0, help="Seed of --world and its noise.")]
