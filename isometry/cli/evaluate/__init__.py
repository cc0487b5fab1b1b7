"""`isometry evaluate TASK ... --json FILE`: exits 0 when it measured, 1 with one line when it could not."""

from __future__ import annotations

import typer

from isometry.cli.evaluate.camera_relocalisation import camera_relocalisation
from isometry.cli.evaluate.depth import depth
from isometry.cli.evaluate.ego_motion import ego_motion
from isometry.cli.evaluate.flow_memory import flow_memory
from isometry.cli.evaluate.glassware import glassware
from isometry.cli.evaluate.lidar_odometry import lidar_odometry
from isometry.cli.evaluate.mapping import mapping
from isometry.cli.evaluate.moving_digits import moving_digits
from isometry.cli.evaluate.object_pose import object_pose
from isometry.cli.evaluate.place_recognition import place_recognition
from isometry.cli.evaluate.place_recognition_2d import place_recognition_2d
from isometry.cli.evaluate.prediction import prediction
from isometry.cli.evaluate.registration import registration
from isometry.cli.evaluate.relocalization import relocalization
from isometry.cli.evaluate.tracking import tracking

app = typer.Typer(help="Measure a capability on recorded data.", no_args_is_help=True)
app.command("place-recognition")(place_recognition)
app.command("mapping")(mapping)
app.command("place-recognition-2d")(place_recognition_2d)
app.command("registration")(registration)
app.command("relocalization")(relocalization)
app.command("lidar-odometry")(lidar_odometry)
app.command("object-pose")(object_pose)
app.command("glassware")(glassware)
app.command("ego-motion")(ego_motion)
app.command("camera-relocalisation")(camera_relocalisation)
app.command("depth")(depth)
app.command("tracking")(tracking)
app.command("prediction")(prediction)
app.command("flow-memory")(flow_memory)
app.command("moving-digits")(moving_digits)
