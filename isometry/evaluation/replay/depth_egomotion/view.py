"""A replay of depth and ego-motion in the browser: the path, the keyframes, and what the camera saw, by a slider."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser

from isometry.evaluation.common.browser import THIS_MACHINE, serve
from isometry.evaluation.replay.depth_egomotion.clouds import ColourCloud, colour_clouds
from isometry.evaluation.replay.odometry.judgement import judge
from isometry.evaluation.replay.recording import DepthEgomotionRecording
from isometry.evaluation.replay.scene import BLACK, BLUE, GREEN, add_path
from isometry.evaluation.replay.truth import GROUND_TRUTH
from isometry.geometry import se3

KEYFRAME_AXES_M = 0.08
LINE_M, POINT_M = 0.01, 0.006


def show(
    bag: Path, port: int, every: int, recording: DepthEgomotionRecording, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve the path in blue, the keyframes in green, and the cloud of each `every`-th image, chosen by a slider.

    The true path is black, where the bag has it. The server runs until it is stopped.
    """
    wanted_ns = {int(stamp_ns) for stamp_ns in recording.answer_stamps_ns[::every]}
    clouds = {cloud.stamp_ns: cloud for cloud in colour_clouds(bag, recording.given, wanted_ns)}
    chosen = np.flatnonzero(np.isin(recording.answer_stamps_ns, list(clouds) or list(wanted_ns)))
    server = serve(port, host)
    server.scene.set_up_direction("+z")
    add_path(server, "/path", recording.T_odom_base[:, :3, 3], BLUE, LINE_M)
    add_path(server, "/keyframes/path", recording.T_map_keyframe[:, :3, 3], GREEN, LINE_M)
    if len(recording.T_map_keyframe):
        server.scene.add_batched_axes(
            "/keyframes/axes",
            np.roll(se3.to_quaternion(recording.T_map_keyframe), 1, axis=1),  # viser has w first
            recording.T_map_keyframe[:, :3, 3],
            axes_length=KEYFRAME_AXES_M,
            axes_radius=0.05 * KEYFRAME_AXES_M,
        )
    judgement = judge(bag, recording, GROUND_TRUTH)
    if judgement is not None:
        add_path(server, "/true_path", judgement.T_odom_true[:, :3, 3], BLACK, LINE_M)
    slider = server.gui.add_slider("image", 0, max(len(chosen) - 1, 1), 1, 0)

    def draw() -> None:
        """Draw what the chosen image shows, in place of the one before."""
        k = int(chosen[min(int(slider.value), len(chosen) - 1)])
        _draw(server, recording, k, clouds.get(int(recording.answer_stamps_ns[k])))

    @slider.on_update
    def _(_: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        draw()

    draw()
    middle = recording.T_odom_base[:, :3, 3].mean(axis=0)
    server.initial_camera.look_at = tuple(middle)
    server.initial_camera.position = tuple(middle + np.array([-2.0, 0.0, 1.5]))
    return server


def _draw(server: viser.ViserServer, recording: DepthEgomotionRecording, k: int, cloud: ColourCloud | None) -> None:
    T_odom_base = recording.T_odom_base[k]
    with server.atomic():
        server.scene.add_frame(
            "/camera",
            axes_length=2.0 * KEYFRAME_AXES_M,
            axes_radius=0.1 * KEYFRAME_AXES_M,
            wxyz=np.roll(se3.to_quaternion(T_odom_base), 1),
            position=T_odom_base[:3, 3],
        )
        if cloud is not None:
            placed = se3.apply(T_odom_base, cloud.points.astype(np.float64)).astype(np.float32)
            server.scene.add_point_cloud("/cloud", placed, cloud.colours, point_size=POINT_M)
