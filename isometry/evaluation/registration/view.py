"""Two registered clouds in the browser, before and after."""

from __future__ import annotations

import numpy as np
import viser

from isometry.arrays import Array
from isometry.evaluation.common.browser import THIS_MACHINE, serve
from isometry.geometry import se3
from isometry.registration.types import Registration

POINTS_SHOWN = 60_000  # of each cloud
TARGET_COLOUR, SOURCE_COLOUR = (70, 85, 105), (234, 88, 12)
START_CAMERA = np.array([0.0, -0.8, 0.8])  # position relative to the point of view, in sizes of the target


def show(
    target: Array, source: Array, registration: Registration, port: int, up: str = "+z", host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve points (N,3) of the target and points (M,3) of the source, the latter registered or as given.

    `up` is the target's axis that points up on the screen: "+z", "-y". The server runs until it is stopped.
    """
    upwards = _direction(up)
    server = serve(port, host)
    server.scene.set_up_direction(upwards)
    origin = middle(target)  # the browser draws in float32
    shown = thinned(target) - origin
    size = float(np.percentile(np.linalg.norm(shown - np.median(shown, axis=0), axis=1), 80))
    point_size = 0.002 * size
    centre = np.median(shown, axis=0)
    source_origin = middle(source)
    server.scene.add_point_cloud("/target", shown.astype(np.float32), TARGET_COLOUR, point_size=point_size)
    moving = server.scene.add_point_cloud(
        "/source", (thinned(source) - source_origin).astype(np.float32), SOURCE_COLOUR, point_size=point_size
    )
    server.initial_camera.look_at = tuple(centre)
    server.initial_camera.position = tuple(centre + 2.0 * size * START_CAMERA)
    aligned = server.gui.add_checkbox("registered", initial_value=True)
    server.gui.add_markdown(summary(registration))

    def place() -> None:
        T = registration.T_target_source.copy() if aligned.value else np.eye(4)
        T[:3, 3] = se3.apply(T, source_origin[None])[0] - origin
        x, y, z, w = se3.to_quaternion(T)
        moving.wxyz, moving.position = (w, x, y, z), tuple(T[:3, 3])

    @aligned.on_update
    def _(_: viser.GuiEvent[viser.GuiCheckboxHandle]) -> None:
        place()

    place()
    return server


def middle(points: Array) -> Array:
    """The middle (3,), in whole metres, of the finite ones of points (N,3); zeros where there are none."""
    finite = points[np.isfinite(points).all(axis=1)]
    return np.asarray(np.round(np.median(finite, axis=0))) if len(finite) else np.zeros(3)


def summary(registration: Registration) -> str:
    """The text of the panel, in Markdown."""
    verdict = "accepted" if registration.accepted else f"**not accepted**: {registration.reason}"
    return (
        f"{verdict}\n\nconfidence {registration.confidence:.3f}, overlap {registration.overlap:.2f}\n\n"
        "grey: target, orange: source"
    )


def thinned(points: Array) -> Array:
    """At most `POINTS_SHOWN` of the points."""
    kept: Array = points[:: len(points) // POINTS_SHOWN + 1]
    return kept


def _direction(up: str) -> tuple[float, float, float]:
    axes = {sign + axis: (sign, k) for k, axis in enumerate("xyz") for sign in "+-"}
    if up not in axes:
        raise ValueError(f"up {up!r}: it must be one of {', '.join(axes)}")
    sign, axis = axes[up]
    x, y, z = (float(k == axis) * (-1.0 if sign == "-" else 1.0) for k in range(3))
    return x, y, z
