"""`isometry train TASK`: training of networks, its data, and fits of constants; networks need the extra `train`."""

from __future__ import annotations

import typer

from isometry.cli.train.depth import depth
from isometry.cli.train.flow_memory import flow_memory
from isometry.cli.train.moving_digits import moving_digits
from isometry.cli.train.object_pose import object_pose_calibration
from isometry.cli.train.place_recognition import calibration, place_recognition
from isometry.cli.train.prediction import motion_prediction, motion_scenes
from isometry.cli.train.registration import registration, registration_calibration, registration_pairs
from isometry.cli.train.tracking import tracking_confidence

app = typer.Typer(help="Train a network, prepare its data, or fit constants to recordings.", no_args_is_help=True)
app.command("place-recognition")(place_recognition)
app.command("calibration")(calibration)
app.command("registration-pairs")(registration_pairs)
app.command("registration")(registration)
app.command("registration-calibration")(registration_calibration)
app.command("object-pose-calibration")(object_pose_calibration)
app.command("motion-scenes")(motion_scenes)
app.command("motion-prediction")(motion_prediction)
app.command("flow-memory")(flow_memory)
app.command("tracking-confidence")(tracking_confidence)
app.command("depth")(depth)
app.command("moving-digits")(moving_digits)
