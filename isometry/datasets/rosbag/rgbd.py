"""Writer of recordings of a camera as rosbag2: images, depth where there is any, cameras and true poses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.datasets.rosbag.writer import new_bag, stamp_ns_of

COLOUR_FRAME, DEPTH_FRAME = "camera", "depth_camera"


def write_camera_recording(
    path: Path,
    recording: CameraRecording,
    frames: slice = slice(None),
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write some frames of a recording as a new rosbag2 (mcap) directory; depth is in float metres, as it was measured.

    Stamps begin at that of the first frame. Depth of a camera of its own has its own camera_info and frame, which is
    joined to that of the colour on /tf_static; else it has those of the colour. Poses are of the colour camera.
    `advance` is called with (done, total). Raises DatasetError when `path` exists or an image cannot be used.
    """
    chosen = range(*frames.indices(len(recording)))
    if not chosen:
        raise DatasetError(f"{recording.name} has {len(recording)} frames, none of those asked for")
    depth_camera, T_world_colour = recording.depth_camera, recording.T_world_colour
    depth_frame = COLOUR_FRAME if depth_camera is None else DEPTH_FRAME
    topics = ["/image", "/camera_info"]
    topics += ["/depth", "/depth_camera_info"] if recording.has_depth else []
    topics += ["/tf_static"] if recording.has_depth and depth_camera is not None else []
    topics += ["/ground_truth/pose"] if T_world_colour is not None else []
    start_s = recording.stamps_s[chosen[0]]
    with new_bag(path, topics) as bag:
        if "/tf_static" in topics:
            bag.transform(stamp_ns_of(0.0), COLOUR_FRAME, DEPTH_FRAME, recording.T_colour_depth, static=True)
        for done, k in enumerate(chosen, start=1):
            stamp_ns = stamp_ns_of(recording.stamps_s[k] - start_s)
            if T_world_colour is not None and recording.has_truth[k]:
                bag.ground_truth(stamp_ns, T_world_colour[k])
            bag.camera_info(stamp_ns, "/camera_info", recording.camera, COLOUR_FRAME)
            bag.image(stamp_ns, "/image", recording.colour(k), COLOUR_FRAME)
            depth = recording.depth(k)
            if depth is not None:
                bag.camera_info(stamp_ns, "/depth_camera_info", depth_camera or recording.camera, depth_frame)
                bag.image(stamp_ns, "/depth", depth.astype(np.float32), depth_frame)
            if advance is not None:
                advance(done, len(chosen))
