"""Parameters of the detection of objects in scans."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class ScanDetectorParameters:
    """What a user may want to change; the sizes of objects are in `object_shapes`."""

    nearest_m: float = parameter(2.0, "metres from the sensor; nearer readings are of the robot itself", 0.0, 100.0)
    furthest_m: float = parameter(50.0, "metres from the sensor; further readings are left out", 1.0, 200.0)
    clearance_m: float = parameter(0.3, "metres; what stands out of the ground by less belongs to it", 0.05, 2.0)
    highest_m: float = parameter(2.5, "metres over the ground; what is higher is left out, as branches are", 0.5, 20.0)
    link_m: float = parameter(0.5, "metres between points of one object at the sensor", 0.2, 5.0)
    link_per_m: float = parameter(0.01, "growth of that per metre of distance from the sensor", 0.0, 0.1)
    fewest_points: int = parameter(5, "of a cluster; smaller ones are left out", 1, 10000)
    longest_m: float = parameter(12.0, "metres, the diagonal of a cluster; larger ones are no objects", 1.0, 100.0)
