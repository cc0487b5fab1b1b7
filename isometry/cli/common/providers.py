"""Options that choose the execution provider of the networks."""

from __future__ import annotations

from typing import Annotated

import typer

Provider = Annotated[str, typer.Option(help="Execution provider of onnxruntime that runs the networks: cpu, cuda, ...")]
ProviderOptions = Annotated[str, typer.Option(help="Its options: name=value, with commas between.")]
