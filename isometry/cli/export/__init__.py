"""`isometry export TASK`: from a trained network to the file that robots run; needs the extra `train` (torch)."""

from __future__ import annotations

import typer

from isometry.cli.export.depth import depth, depth_file
from isometry.cli.export.flow_memory import flow_memory
from isometry.cli.export.moving_digits import moving_digits
from isometry.cli.export.place_recognition import place_recognition
from isometry.cli.export.prediction import motion_prediction
from isometry.cli.export.registration import registration

app = typer.Typer(help="Export a trained network to ONNX, with its card.", no_args_is_help=True)
app.command("place-recognition")(place_recognition)
app.command("registration")(registration)
app.command("motion-prediction")(motion_prediction)
app.command("flow-memory")(flow_memory)
app.command("depth")(depth)
app.command("depth-file")(depth_file)
app.command("moving-digits")(moving_digits)
