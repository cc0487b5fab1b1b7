"""Parameters of the odometry."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class LidarOdometryParameters:
    """Parameters of the user; a size of 0 is computed from the scans."""

    voxel_size: float = parameter(0.0, "metres, voxels of the local map; 0: by the range of scans", 0.0, 5.0)
    min_range: float = parameter(0.5, "metres; nearer readings show the robot itself", 0.0, 100.0)
    max_range: float = parameter(100.0, "metres; readings beyond are left out", 1.0, 1000.0)
    most_points: int = parameter(8000, "points of a scan that are aligned, after thinning", 500, 200000)
    fewest_points: int = parameter(100, "a scan with fewer points within range is refused", 20, 100000)
    least_overlap: float = parameter(0.6, "share of a scan that must lie in the local map for it to fit", 0.0, 1.0)
    restart_after: int = parameter(5, "scans in a row that do not fit until the local map starts again", 1, 1000)
    threads: int = parameter(1, "threads of the alignment", 1, 64)
