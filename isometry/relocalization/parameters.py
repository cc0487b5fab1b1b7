"""Parameters of relocalisation."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.parameters import parameter


@dataclass(frozen=True)
class RelocalizationParameters:
    """When the robot is located and when it is lost, and how much of the map is searched with one scan."""

    confirmations: int = parameter(1, "further scans that must agree with a pose that was found", 0, 100)
    lost_after: int = parameter(5, "scans in a row that do not fit the map until the robot is lost", 1, 1000)
    confirm_distance: float = parameter(1.0, "metres by which scans may differ and still agree", 0.01, 100.0)
    confirm_angle_deg: float = parameter(5.0, "degrees by which scans may differ and still agree", 0.1, 180.0)
    searched_places: int = parameter(
        8, "places that one scan is compared with while lost; the next scan continues", 1, 1000
    )
    time_limit: float = parameter(
        0.8, "seconds of a scan from which no further place is searched; the next scan goes on there", 0.05, 60.0
    )
    least_overlap: float = parameter(
        0.3, "share of a scan that must lie on the map at a pose by which a lost robot may be located", 0.0, 1.0
    )
    changed_places: int = parameter(
        1,
        "things that may have left since the map was made; a pose that more contradict is dropped for another",
        0,
        50,
    )
    odometry_drift: float = parameter(0.05, "metres by which odometry errs over a metre, standard deviation", 0.0, 1.0)
    reach: float = parameter(
        0.0, "metres of the map around the robot that are compared; 0: the range of a scan", 0, 500
    )
    level_map: bool = parameter(True, "z of the map points against gravity")

    @property
    def tolerance(self) -> tuple[float, float]:
        """Metres and radians by which scans may differ and still agree."""
        return self.confirm_distance, radians(self.confirm_angle_deg)

    def agree(self, T_first: Array, T_second: Array) -> bool:
        """Whether two poses (4,4) differ by less than that."""
        metres, angle = se3.distance(T_first, T_second)
        return metres <= self.tolerance[0] and angle <= self.tolerance[1]
