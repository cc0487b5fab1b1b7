"""Parameters of the detection of objects in scans."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class ScanDetectorParameters:
    """What a user may want to change; the sizes of objects are in `object_shapes`."""

    nearest_m: float = parameter(2.0, "metres from the sensor; nearer points are of the robot itself", 0.0, 100.0)
    furthest_m: float = parameter(50.0, "metres from the sensor; points further away are left out", 1.0, 200.0)
    clearance_m: float = parameter(0.3, "metres; points less than this above the ground are ground", 0.05, 2.0)
    highest_m: float = parameter(2.5, "metres above the ground; higher points, as of branches, are left out", 0.5, 20.0)
    link_m: float = parameter(0.5, "metres between points of one object at the sensor", 0.2, 5.0)
    link_per_m: float = parameter(0.01, "growth of link_m per metre of distance from the sensor", 0.0, 0.1)
    fewest_points: int = parameter(5, "points of a cluster; clusters with fewer are left out", 1, 10000)
    longest_m: float = parameter(12.0, "metres, diagonal of a cluster; larger clusters are left out", 1.0, 100.0)
