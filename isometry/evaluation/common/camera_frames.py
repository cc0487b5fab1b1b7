"""Frames of recordings as the capabilities take them."""

from __future__ import annotations

from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import CameraFrame


def camera_frame(recording: CameraRecording, k: int, with_depth: bool = True) -> CameraFrame:
    """The k-th frame, without its depth if that is not wanted. Raises DatasetError naming an image that is no use."""
    colour = recording.colour(k)
    if not (with_depth and recording.has_depth):
        return CameraFrame(colour, recording.camera)
    return CameraFrame(
        colour=colour,
        camera=recording.camera,
        depth=recording.depth(k),
        depth_camera=recording.depth_camera,
        T_colour_depth=recording.T_colour_depth.copy(),
        depth_delay_s=0.0 if recording.depth_delays_s is None else float(recording.depth_delays_s[k]),
    )
