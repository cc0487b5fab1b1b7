"""Writer of scenes of BOP data sets as rosbag2: images, depth, cameras, and the labelled masks as a detector's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from isometry.datasets.bop.scenes import BopScene
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.writer import new_bag, stamp_ns_of
from isometry.sensing.cameras import Camera

TOPICS = ("/image", "/depth", "/camera_info", "/depth_camera_info", "/labels", "/boxes")


def write_bop_scene(
    path: Path, scene: BopScene, rate_hz: float, advance: Callable[[int, int], None] | None = None
) -> None:
    """Write the frames with depth of a scene as a new rosbag2 (mcap) directory; depth is in float metres.

    Labels are the numbers of objects; boxes are around the visible pixels, and named as the files of the models:
    `obj_000001`. `advance` is called with (done, total). Raises DatasetError when `path` exists or a file cannot be
    used.
    """
    if not scene.frames:
        raise DatasetError(f"scene {scene.number} has no frame with depth")
    with new_bag(path, TOPICS) as bag:
        for done, frame in enumerate(scene.frames):
            stamp_ns = stamp_ns_of(done / rate_hz)
            colour, depth = frame.colour(), frame.depth()
            height, width = depth.shape
            labels, boxes, names = np.zeros(depth.shape, np.uint16), [], []
            for instance in frame.instances:
                mask = instance.mask()
                if mask.shape != depth.shape:
                    raise DatasetError(f"{instance.mask_path}: not of the size of the depth image")
                if mask.any():
                    labels[mask] = instance.object_number
                    boxes.append(_box_around(np.nonzero(mask)))
                    names.append(f"obj_{instance.object_number:06d}")
            for topic in ("/camera_info", "/depth_camera_info"):
                bag.camera_info(stamp_ns, topic, Camera(frame.camera, width, height))
            bag.image(stamp_ns, "/image", colour)
            bag.image(stamp_ns, "/depth", depth.astype(np.float32))
            bag.image(stamp_ns, "/labels", labels)
            bag.boxes(stamp_ns, np.array(boxes).reshape(-1, 4), names)
            if advance is not None:
                advance(done + 1, len(scene.frames))


def _box_around(pixels: tuple[np.ndarray, ...]) -> list[float]:
    rows, columns = pixels
    centre = 0.5 * float(columns.min() + columns.max()), 0.5 * float(rows.min() + rows.max())
    return [*centre, float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]
