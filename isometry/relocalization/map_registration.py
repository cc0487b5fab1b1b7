"""Registration of one scan with a map: near a pose, or anywhere in a place."""

from __future__ import annotations

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.relocalization.places import Place, Places
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import ScanPose

LAST_PLACE = 2.0  # the registration to a place is cut short after so many times the time limit of a scan


class MapRegistration:
    """A registrar and the map that it compares scans with."""

    def __init__(self, registrar: Registrar, places: Places) -> None:
        self._registrar, self._places = registrar, places

    def near(self, scan: Scan, T_map_base: Array) -> ScanPose | None:
        """The pose of a scan, refined from an initial one (4,4); None where the map has too few points."""
        place = self._places.around(scan, T_map_base)
        if place is None:
            return None
        T_cloud_base = se3.inverse(place.T_map_cloud) @ T_map_base
        return ScanPose.of(self._registrar.refine(place.cloud, scan.cloud, T_cloud_base), place)

    def in_place(self, scan: Scan, place: Place) -> ScanPose:
        """The pose of a scan in a place, without an initial one; a confident one is refined on the map around it."""
        deadline_s = scan.began_s + LAST_PLACE * scan.time_limit_s
        found = ScanPose.of(self._registrar.register(place.cloud, scan.cloud, deadline_s), place)
        if found.reason != "ok":
            return found
        return self.near(scan, found.T_map_base) or found

    def around(self, scan: Scan, T_map_base: Array) -> ScanPose | None:
        """The pose of a scan anywhere in the surroundings of one (4,4); None where the map has too few points."""
        place = self._places.around(scan, T_map_base)
        return None if place is None else self.in_place(scan, place)
