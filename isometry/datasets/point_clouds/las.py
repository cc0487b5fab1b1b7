"""Parser of LAS and LAZ files. Their header is checked first; laspy and lazrs, which believe it, decode the points."""

from __future__ import annotations

import io

import laspy
import numpy as np

from isometry.arrays import Array
from isometry.datasets.point_clouds.las_header import parse_header
from isometry.datasets.point_clouds.las_units import check_metres

AT_ONCE = 1_000_000  # points; memory is taken as they come, not as the header promises them


def parse_las(content: bytes) -> Array:
    """Points (N,3) in metres. Raises ValueError that says what does not fit, or names another unit."""
    header = parse_header(content)
    check_metres(header.records)
    parts = [np.zeros((0, 3))]
    try:
        with laspy.open(io.BytesIO(content), read_evlrs=False, laz_backend=laspy.LazBackend.Lazrs) as reader:
            reader.header.point_count = header.points
            parts += [np.stack([each.x, each.y, each.z], axis=1) for each in reader.chunk_iterator(AT_ONCE)]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of lazrs, which is written in Rust, is no Exception
        raise ValueError(f"its points cannot be read ({error})") from error
    return np.concatenate(parts)
